"""Hand-typed tables of everyday facts and words.

Here are only constants, typed by hand and split at import. No sentence is made here (see
``material`` and ``prose``), and no instruction (see ``families``).
"""


def _rows(text: str) -> list[tuple[str, ...]]:
    """The lines of a table as tuples, cells parted by a bar."""
    lines = (line.strip() for line in text.strip().splitlines())
    return [tuple(cell.strip() for cell in line.split("|")) for line in lines if line]


def _cells(text: str) -> list[tuple[str, ...]]:
    """The comma-separated entries of a text as tuples, parts joined by a slash."""
    entries = text.replace("\n", " ").split(",")
    return [tuple(p.strip() for p in e.split("/")) for e in entries if e.strip()]


def _words(text: str) -> list[str]:
    """The comma-separated words of a text."""
    return [w.strip() for w in text.replace("\n", " ").split(",") if w.strip()]


# name | capital | currency | main language | continent
COUNTRIES = _rows("""
France|Paris|euro|French|Europe
Germany|Berlin|euro|German|Europe
Italy|Rome|euro|Italian|Europe
Spain|Madrid|euro|Spanish|Europe
Portugal|Lisbon|euro|Portuguese|Europe
the Netherlands|Amsterdam|euro|Dutch|Europe
Austria|Vienna|euro|German|Europe
Ireland|Dublin|euro|English|Europe
Greece|Athens|euro|Greek|Europe
Finland|Helsinki|euro|Finnish|Europe
Estonia|Tallinn|euro|Estonian|Europe
Latvia|Riga|euro|Latvian|Europe
Lithuania|Vilnius|euro|Lithuanian|Europe
Slovakia|Bratislava|euro|Slovak|Europe
Slovenia|Ljubljana|euro|Slovene|Europe
Malta|Valletta|euro|Maltese|Europe
Monaco|Monaco|euro|French|Europe
Andorra|Andorra la Vella|euro|Catalan|Europe
Sweden|Stockholm|krona|Swedish|Europe
Norway|Oslo|krone|Norwegian|Europe
Denmark|Copenhagen|krone|Danish|Europe
Iceland|Reykjavik|krona|Icelandic|Europe
the United Kingdom|London|pound sterling|English|Europe
Poland|Warsaw|zloty|Polish|Europe
the Czech Republic|Prague|koruna|Czech|Europe
Hungary|Budapest|forint|Hungarian|Europe
Romania|Bucharest|leu|Romanian|Europe
Moldova|Chisinau|leu|Romanian|Europe
Serbia|Belgrade|dinar|Serbian|Europe
Albania|Tirana|lek|Albanian|Europe
North Macedonia|Skopje|denar|Macedonian|Europe
Croatia|Zagreb|euro|Croatian|Europe
Belgium|Brussels|euro|Dutch|Europe
Switzerland|Bern|Swiss franc|German|Europe
Russia|Moscow|ruble|Russian|Europe
Ukraine|Kyiv|hryvnia|Ukrainian|Europe
Belarus|Minsk|ruble|Russian|Europe
Liechtenstein|Vaduz|Swiss franc|German|Europe
Georgia|Tbilisi|lari|Georgian|Asia
Armenia|Yerevan|dram|Armenian|Asia
Azerbaijan|Baku|manat|Azerbaijani|Asia
Japan|Tokyo|yen|Japanese|Asia
China|Beijing|yuan|Chinese|Asia
South Korea|Seoul|won|Korean|Asia
North Korea|Pyongyang|won|Korean|Asia
Mongolia|Ulaanbaatar|tugrik|Mongolian|Asia
India|New Delhi|rupee|Hindi|Asia
Afghanistan|Kabul|afghani|Pashto|Asia
Pakistan|Islamabad|rupee|Urdu|Asia
Bangladesh|Dhaka|taka|Bengali|Asia
Nepal|Kathmandu|rupee|Nepali|Asia
Bhutan|Thimphu|ngultrum|Dzongkha|Asia
the Maldives|Male|rufiyaa|Dhivehi|Asia
Thailand|Bangkok|baht|Thai|Asia
Vietnam|Hanoi|dong|Vietnamese|Asia
Cambodia|Phnom Penh|riel|Khmer|Asia
Laos|Vientiane|kip|Lao|Asia
Myanmar|Naypyidaw|kyat|Burmese|Asia
Malaysia|Kuala Lumpur|ringgit|Malay|Asia
the Philippines|Manila|peso|Filipino|Asia
Brunei|Bandar Seri Begawan|dollar|Malay|Asia
Iran|Tehran|rial|Persian|Asia
Iraq|Baghdad|dinar|Arabic|Asia
Jordan|Amman|dinar|Arabic|Asia
Kuwait|Kuwait City|dinar|Arabic|Asia
Lebanon|Beirut|pound|Arabic|Asia
Oman|Muscat|rial|Arabic|Asia
Qatar|Doha|riyal|Arabic|Asia
Bahrain|Manama|dinar|Arabic|Asia
Saudi Arabia|Riyadh|riyal|Arabic|Asia
Syria|Damascus|pound|Arabic|Asia
the United Arab Emirates|Abu Dhabi|dirham|Arabic|Asia
Turkey|Ankara|lira|Turkish|Asia
Kazakhstan|Astana|tenge|Kazakh|Asia
Uzbekistan|Tashkent|som|Uzbek|Asia
Kyrgyzstan|Bishkek|som|Kyrgyz|Asia
Tajikistan|Dushanbe|somoni|Tajik|Asia
Turkmenistan|Ashgabat|manat|Turkmen|Asia
Egypt|Cairo|pound|Arabic|Africa
Morocco|Rabat|dirham|Arabic|Africa
Algeria|Algiers|dinar|Arabic|Africa
Tunisia|Tunis|dinar|Arabic|Africa
Libya|Tripoli|dinar|Arabic|Africa
Sudan|Khartoum|pound|Arabic|Africa
Ethiopia|Addis Ababa|birr|Amharic|Africa
Eritrea|Asmara|nakfa|Tigrinya|Africa
Somalia|Mogadishu|shilling|Somali|Africa
Kenya|Nairobi|shilling|Swahili|Africa
Uganda|Kampala|shilling|English|Africa
Rwanda|Kigali|franc|Kinyarwanda|Africa
Burundi|Gitega|franc|Kirundi|Africa
Madagascar|Antananarivo|ariary|Malagasy|Africa
Mozambique|Maputo|metical|Portuguese|Africa
Angola|Luanda|kwanza|Portuguese|Africa
Zambia|Lusaka|kwacha|English|Africa
Malawi|Lilongwe|kwacha|English|Africa
Namibia|Windhoek|dollar|English|Africa
Botswana|Gaborone|pula|English|Africa
Lesotho|Maseru|loti|Sesotho|Africa
Nigeria|Abuja|naira|English|Africa
Ghana|Accra|cedi|English|Africa
Senegal|Dakar|franc|French|Africa
Mali|Bamako|franc|French|Africa
Niger|Niamey|franc|French|Africa
Chad|N'Djamena|franc|French|Africa
Togo|Lome|franc|French|Africa
Guinea|Conakry|franc|French|Africa
Cameroon|Yaounde|franc|French|Africa
Gabon|Libreville|franc|French|Africa
Sierra Leone|Freetown|leone|English|Africa
Liberia|Monrovia|dollar|English|Africa
the Gambia|Banjul|dalasi|English|Africa
Guinea-Bissau|Bissau|franc|Portuguese|Africa
Cape Verde|Praia|escudo|Portuguese|Africa
Mauritania|Nouakchott|ouguiya|Arabic|Africa
Mauritius|Port Louis|rupee|English|Africa
Djibouti|Djibouti|franc|French|Africa
Burkina Faso|Ouagadougou|franc|French|Africa
the United States|Washington|dollar|English|North America
Canada|Ottawa|dollar|English|North America
Mexico|Mexico City|peso|Spanish|North America
Guatemala|Guatemala City|quetzal|Spanish|North America
Honduras|Tegucigalpa|lempira|Spanish|North America
Nicaragua|Managua|cordoba|Spanish|North America
Costa Rica|San Jose|colon|Spanish|North America
Panama|Panama City|balboa|Spanish|North America
El Salvador|San Salvador|dollar|Spanish|North America
Belize|Belmopan|dollar|English|North America
Cuba|Havana|peso|Spanish|North America
Jamaica|Kingston|dollar|English|North America
Haiti|Port-au-Prince|gourde|French|North America
the Dominican Republic|Santo Domingo|peso|Spanish|North America
the Bahamas|Nassau|dollar|English|North America
Barbados|Bridgetown|dollar|English|North America
Trinidad and Tobago|Port of Spain|dollar|English|North America
Grenada|Saint George's|dollar|English|North America
Brazil|Brasilia|real|Portuguese|South America
Argentina|Buenos Aires|peso|Spanish|South America
Chile|Santiago|peso|Spanish|South America
Uruguay|Montevideo|peso|Spanish|South America
Paraguay|Asuncion|guarani|Spanish|South America
Peru|Lima|sol|Spanish|South America
Ecuador|Quito|dollar|Spanish|South America
Colombia|Bogota|peso|Spanish|South America
Venezuela|Caracas|bolivar|Spanish|South America
Guyana|Georgetown|dollar|English|South America
Suriname|Paramaribo|dollar|Dutch|South America
Australia|Canberra|dollar|English|Oceania
New Zealand|Wellington|dollar|English|Oceania
Fiji|Suva|dollar|English|Oceania
Samoa|Apia|tala|Samoan|Oceania
Tonga|Nuku'alofa|pa'anga|Tongan|Oceania
Papua New Guinea|Port Moresby|kina|English|Oceania
the Solomon Islands|Honiara|dollar|English|Oceania
Vanuatu|Port Vila|vatu|Bislama|Oceania
Kiribati|South Tarawa|dollar|English|Oceania
Tuvalu|Funafuti|dollar|English|Oceania
""")

# adjectives, then verbs, then nouns, then adverbs and prepositions: one / its opposite
ANTONYM_GROUPS = {
    "adjective": _cells("""
hot/cold, big/small, tall/short, fast/slow, happy/sad, light/dark, hard/soft, rich/poor,
old/new, strong/weak, clean/dirty, full/empty, wet/dry, early/late, open/closed, loud/quiet,
thick/thin, wide/narrow, deep/shallow, brave/cowardly, cheap/expensive,
easy/difficult, good/bad, right/wrong, true/false, safe/dangerous, sharp/blunt, smooth/rough,
straight/crooked, sweet/bitter, tight/loose, high/low, near/far, polite/rude, kind/cruel,
lazy/hardworking, generous/stingy, honest/dishonest, patient/impatient, possible/impossible,
legal/illegal, visible/invisible, regular/irregular, correct/incorrect, certain/uncertain,
usual/unusual, healthy/sick, young/elderly, modern/ancient, public/private, alive/dead,
awake/asleep, bright/dim, calm/stormy, careful/careless, clever/stupid, common/rare,
complete/incomplete, cooked/raw, crowded/deserted, domestic/foreign,
equal/unequal, fair/unfair, famous/unknown, fat/slim, female/male, fertile/barren,
first/last, flexible/rigid, formal/informal, fresh/stale, friendly/hostile, guilty/innocent,
harmful/harmless, horizontal/vertical, huge/tiny, humble/proud, important/unimportant,
interesting/boring, logical/illogical, long/brief, major/minor, married/single,
mature/immature, maximum/minimum, natural/artificial, necessary/unnecessary, neat/messy,
noisy/silent, normal/abnormal, obedient/disobedient, optimistic/pessimistic, perfect/imperfect,
permanent/temporary, pleasant/unpleasant, positive/negative, present/absent, pretty/ugly,
profitable/unprofitable, rapid/sluggish, reliable/unreliable, rural/urban, senior/junior,
serious/funny, simple/complicated, solid/liquid, sober/drunk, steep/gentle, successful/unsuccessful,
superior/inferior, talkative/reserved, tame/wild, tidy/untidy, timid/bold, transparent/opaque,
useful/useless, vacant/occupied, victorious/defeated, wise/foolish, internal/external,
northern/southern, eastern/western, voluntary/compulsory, active/passive, abundant/scarce,
accurate/inaccurate, available/unavailable, aware/unaware, capable/incapable, cheerful/gloomy,
comfortable/uncomfortable, convenient/inconvenient, dependent/independent, direct/indirect,
efficient/inefficient, experienced/inexperienced, familiar/unfamiliar, fortunate/unfortunate,
grateful/ungrateful, frequent/infrequent, literate/illiterate, likely/unlikely, loyal/disloyal,
mobile/immobile, moral/immoral, painful/painless, popular/unpopular, predictable/unpredictable,
pure/impure, rational/irrational, reasonable/unreasonable, relevant/irrelevant, sane/insane,
responsible/irresponsible, satisfied/dissatisfied, selfish/unselfish, severe/mild,
stable/unstable, sufficient/insufficient, suitable/unsuitable, tolerant/intolerant,
typical/atypical, willing/unwilling, worthy/unworthy, ripe/unripe, armed/unarmed"""),
    "verb": _cells("""
accept/refuse, arrive/depart, ask/answer, begin/end, build/demolish, buy/sell, catch/throw,
come/go, create/destroy, laugh/cry, decrease/increase, defend/attack, enter/leave,
expand/contract, export/import, fail/succeed, fill/drain, find/lose, float/sink,
forget/remember, freeze/melt, give/take, hate/love, hide/reveal, include/exclude, join/separate,
lend/borrow, lock/unlock, pack/unpack, permit/forbid, praise/criticise, push/pull,
raise/lower, reward/punish, save/spend, send/receive, shout/whisper, sit/stand, start/stop,
strengthen/weaken, teach/learn, tie/untie, trust/distrust, wake/sleep,
agree/disagree, appear/disappear, admit/deny, connect/disconnect, allow/prohibit, attach/detach,
bless/curse, dress/undress, encourage/discourage, fasten/unfasten, fold/unfold, hire/dismiss,
inhale/exhale, approve/disapprove, obey/disobey, plug/unplug, tighten/loosen, shorten/lengthen,
load/unload, cover/uncover, wrap/unwrap, zip/unzip, deposit/withdraw, add/subtract,
multiply/divide, advance/retreat, stretch/shrink"""),
    "noun": _cells("""
day/night, summer/winter, beginning/ending, friend/enemy, war/peace, victory/defeat,
heaven/hell, joy/sorrow, truth/lie, question/reply, entrance/exit, top/bottom, front/back,
profit/loss, success/failure, arrival/departure, birth/death, strength/weakness,
wealth/poverty, wisdom/folly, courage/cowardice, hope/despair, freedom/slavery, buyer/seller,
teacher/pupil, host/guest, north/south, east/west, sunrise/sunset, advantage/disadvantage,
ceiling/floor, order/chaos, knowledge/ignorance, supply/demand, employer/employee, master/servant,
majority/minority, optimist/pessimist, winner/loser, hero/villain, input/output, cause/effect,
ancestor/descendant, ascent/descent, past/future, prefix/suffix, vowel/consonant, debtor/creditor,
landlord/tenant, lender/borrower, interior/exterior, sender/recipient"""),
    "adverb or preposition": _cells("""
up/down, in/out, inside/outside, above/below, over/under, before/after, always/never,
often/seldom, forward/backward, quickly/slowly, here/there, now/then, more/less, on/off,
with/without, everywhere/nowhere, upstairs/downstairs, indoors/outdoors, for/against,
together/apart, clockwise/anticlockwise, badly/well, upward/downward, uphill/downhill"""),
}
ANTONYMS = [pair for group in ANTONYM_GROUPS.values() for pair in group]

SYNONYMS = _cells("""
big/large, small/little, happy/glad, sad/unhappy, quick/fast, begin/start, end/finish, smart/clever,
angry/cross, afraid/scared, beautiful/lovely, rich/wealthy, tired/weary, hard/difficult,
easy/simple, strange/odd, silent/quiet, famous/well-known, brave/courageous, kind/gentle,
huge/enormous, tiny/minute, cold/chilly, hot/boiling, old/aged, new/recent, correct/right,
wrong/mistaken, funny/amusing, sick/ill, strong/powerful, weak/feeble, wet/damp, clean/spotless,
dirty/filthy, loud/noisy, polite/courteous, rude/impolite, hungry/starving, thin/slim,
fat/plump, sleepy/drowsy, calm/peaceful, lucky/fortunate, sure/certain, whole/entire,
important/significant, dangerous/risky, safe/secure, true/genuine, false/untrue, boring/dull,
bright/shining, delicious/tasty, empty/vacant, expensive/costly, faithful/loyal, foolish/silly,
free/liberated, friendly/amiable, frequent/common, honest/truthful, lazy/idle, modest/humble,
naughty/mischievous, neat/tidy, nervous/anxious, odd/peculiar, pretty/attractive, proud/arrogant,
rapid/swift, ready/prepared, rough/uneven, secret/hidden, shy/timid, sincere/heartfelt,
slow/sluggish, stubborn/obstinate, sudden/abrupt, terrible/dreadful, unusual/uncommon,
vast/immense, wise/sensible, ancient/antique, answer/reply, ask/inquire, assist/help, buy/purchase,
choose/select, collect/gather, complain/grumble, conceal/hide, connect/link, construct/build,
cry/weep, cure/heal, decide/determine, destroy/ruin, discover/find, eat/consume, enjoy/like,
explain/clarify, fall/tumble, fix/repair, forgive/pardon, get/obtain, give/donate, grow/increase,
happen/occur, hurry/rush, imagine/picture, jump/leap, keep/retain, laugh/chuckle, leave/depart,
look/gaze, love/adore, make/produce, mix/blend, need/require, permit/allow, praise/commend,
protect/guard, pull/drag, receive/accept, reply/respond, rest/relax, see/notice, shake/tremble,
shout/yell, show/display, shut/close, speak/talk, steal/rob, stop/cease, throw/toss, try/attempt,
use/employ, wait/linger, walk/stroll, want/desire, warn/alert, wish/hope, work/labour,
error/mistake, present/gift, story/tale, house/dwelling, road/street, forest/wood, sea/ocean,
stone/rock, journey/trip, job/occupation, doctor/physician, student/pupil, friend/companion,
enemy/foe, idea/thought, reward/prize, trash/rubbish, autumn/fall, infant/baby, garment/clothing,
aim/goal, fear/dread, anger/rage, joy/delight, riches/wealth, automobile/car, aroma/smell,
accurate/precise, adversary/opponent, broad/wide, careful/cautious, cheap/inexpensive,
cheerful/jolly, courage/bravery, customer/client, danger/peril, dawn/daybreak, dusk/twilight,
dwell/reside, evil/wicked, film/movie, flat/apartment, glow/gleam, grasp/grip, guest/visitor,
hate/detest, heap/pile, holiday/vacation, hurt/injure, jail/prison, king/monarch, lift/raise,
liberty/freedom, lorry/truck, mad/insane, miserable/wretched, nap/snooze, pain/ache,
pavement/sidewalk, petrol/gasoline, quarrel/argue, pledge/promise, puzzle/riddle, rare/scarce,
remark/comment, rescue/save, reveal/disclose, robber/thief, soil/earth, sofa/couch, solid/firm,
stay/remain, sweets/candy, taxi/cab, torch/flashlight, tranquil/serene, trousers/pants,
unite/combine, vanish/disappear, victory/triumph, wagon/cart, weird/bizarre, witty/humorous,
yearly/annual, zero/nought, accident/mishap, biscuit/cookie, football/soccer, obvious/evident,
essential/vital, persuade/convince, delay/postpone, frighten/startle, combat/battle,
sailor/seaman, shore/coast, sorrow/grief, speed/velocity, bucket/pail, bug/insect, bunny/rabbit,
cellar/basement, chef/cook, cloth/fabric, glue/adhesive, rug/carpet, ship/vessel,
soldier/warrior, summit/peak, tune/melody, author/writer""")

IRREGULAR_PLURALS = _cells("""
goose/geese, mouse/mice, child/children, man/men, woman/women, foot/feet, tooth/teeth, ox/oxen,
leaf/leaves, knife/knives, wife/wives, life/lives, wolf/wolves, shelf/shelves, half/halves,
loaf/loaves, thief/thieves, calf/calves, elf/elves, scarf/scarves, self/selves, hoof/hooves,
sheep/sheep, deer/deer, fish/fish, series/series, species/species, aircraft/aircraft,
salmon/salmon, person/people, louse/lice, cactus/cacti, fungus/fungi, nucleus/nuclei,
crisis/crises, analysis/analyses, oasis/oases, thesis/theses, basis/bases, diagnosis/diagnoses,
phenomenon/phenomena, criterion/criteria, bacterium/bacteria, medium/media, datum/data,
potato/potatoes, tomato/tomatoes, hero/heroes, echo/echoes, postman/postmen, fireman/firemen,
policeman/policemen, snowman/snowmen, grandchild/grandchildren, toothbrush/toothbrushes,
mother-in-law/mothers-in-law, passer-by/passers-by, housewife/housewives, die/dice,
appendix/appendices, index/indices, stimulus/stimuli, radius/radii, penny/pence""")

NOUNS = _words("""
apple, arm, artist, baby, bag, ball, banana, basket, beach, bed, bell, bench, berry, bicycle, bird,
boat, book, bottle, box, boy, branch, bridge, brother, brush, bus, butterfly, button, candle, car,
carrot, castle, cat, cherry, church, circle, city, class, clock, cloud, coat, country, cow, cup,
daisy, day, diary, dish, doctor, dog, donkey, door, dress, egg, engine, factory, family, farmer,
fence, field, flower, fly, forest, fox, friend, game, garden, girl, glass, guitar, hand, hat, horse,
hotel, house, island, jacket, journey, key, king, kitchen, kite, lady, lake, lamp, lemon, letter,
library, lion, lorry, match, monkey, mountain, nurse, ocean, office, orange, page, painter, party,
patch, peach, pen, pencil, picture, plate, pony, potter, puppy, queen, rabbit, river, road, rose,
sandwich, school, ship, shoe, shop, sister, song, spoon, spy, star, stone, story, street, student,
suitcase, table, teacher, tiger, torch, town, toy, train, tray, tree, valley, village, watch, wave,
wheel, window, wish, witch, ant, army, aunt, axe, badge, bakery, balloon, bank, barn, barrel, bear,
beard, bee, blanket, bowl, bracelet, brick, bucket, cage, camel, camera, canal, carpet, cave,
century, chain, chair, coach, coin, comb, computer, corner, cottage, cousin, crayon, cushion, dancer,
daughter, desert, desk, dictionary, dolphin, dragon, drum, duck, duty, eagle, ear, elbow, elephant,
enemy, envelope, eye, fairy, farm, feather, ferry, finger, flag, flame, fork, frog, gallery, gate,
ghost, giant, glove, grape, hammer, harbour, head, hedge, hill, hobby, hospital, idea, inch, insect,
jar, joke, jug, judge, kettle, kitten, ladder, lawyer, leg, lesson, lighthouse, machine, magnet,
market, mask, meadow, melody, memory, minute, mirror, museum, necklace, neighbour, nest, notebook,
nut, olive, orchard, oven, owl, palace, parcel, path, peacock, pearl, pillow, pilot, pirate, planet,
plant, pocket, poem, pond, prince, prize, pumpkin, puzzle, quarry, raincoat, ring, robot, rocket,
roof, rope, sailor, saucer, scientist, sea, secret, shadow, shark, shirt, signal, sofa, soldier,
spider, stable, staircase, stick, strawberry, stream, swan, sweater, tailor, teapot, tent, theory,
ticket, tourist, towel, tower, tractor, triangle, trumpet, tunnel, turtle, uncle, university, vase,
violin, waiter, wall, wizard, worker, zebra""")

# base / past / participle; regular verbs are made by rule in material.py
IRREGULAR_VERBS = _cells("""
go/went/gone, see/saw/seen, eat/ate/eaten, take/took/taken, give/gave/given, write/wrote/written,
drive/drove/driven, speak/spoke/spoken, break/broke/broken, choose/chose/chosen, steal/stole/stolen,
freeze/froze/frozen, wake/woke/woken, forget/forgot/forgotten, bite/bit/bitten, hide/hid/hidden,
ride/rode/ridden, rise/rose/risen, fall/fell/fallen, draw/drew/drawn, grow/grew/grown,
know/knew/known, throw/threw/thrown, blow/blew/blown, fly/flew/flown, show/showed/shown,
begin/began/begun, drink/drank/drunk, sing/sang/sung, ring/rang/rung, swim/swam/swum,
sink/sank/sunk, run/ran/run, come/came/come, become/became/become, bring/brought/brought,
buy/bought/bought, think/thought/thought, fight/fought/fought, catch/caught/caught,
teach/taught/taught, seek/sought/sought, build/built/built, send/sent/sent, spend/spent/spent,
lend/lent/lent, bend/bent/bent, lose/lost/lost, keep/kept/kept, sleep/slept/slept, feel/felt/felt,
leave/left/left, meet/met/met, lead/led/led, feed/fed/fed, hold/held/held, stand/stood/stood,
understand/understood/understood, sit/sat/sat, win/won/won, find/found/found, hear/heard/heard,
make/made/made, say/said/said, pay/paid/paid, sell/sold/sold, tell/told/told, have/had/had,
cut/cut/cut, put/put/put, shut/shut/shut, hit/hit/hit, hurt/hurt/hurt, let/let/let, cost/cost/cost,
set/set/set, read/read/read, dig/dug/dug, hang/hung/hung, shine/shone/shone, shoot/shot/shot,
slide/slid/slid, spin/spun/spun, stick/stuck/stuck, strike/struck/struck, swing/swung/swung,
tear/tore/torn, wear/wore/worn, weave/wove/woven, shake/shook/shaken, sweep/swept/swept,
swear/swore/sworn, bleed/bled/bled, cling/clung/clung, creep/crept/crept, deal/dealt/dealt,
do/did/done, forgive/forgave/forgiven, get/got/got, kneel/knelt/knelt, lie/lay/lain, mean/meant/meant,
shrink/shrank/shrunk, spring/sprang/sprung, sting/stung/stung, weep/wept/wept, wind/wound/wound,
beat/beat/beaten, bind/bound/bound, breed/bred/bred, burst/burst/burst, cast/cast/cast,
flee/fled/fled, fling/flung/flung, forbid/forbade/forbidden, grind/ground/ground, lay/laid/laid,
light/lit/lit, mistake/mistook/mistaken, overcome/overcame/overcome, quit/quit/quit, shed/shed/shed,
spread/spread/spread, split/split/split, stride/strode/stridden, tread/trod/trodden,
undo/undid/undone, upset/upset/upset, withdraw/withdrew/withdrawn, wring/wrung/wrung,
swell/swelled/swollen, rebuild/rebuilt/rebuilt, repay/repaid/repaid, foresee/foresaw/foreseen,
mislead/misled/misled, overtake/overtook/overtaken, retell/retold/retold,
rewrite/rewrote/rewritten""")
REGULAR_VERBS = _words("""
walk, talk, jump, play, cook, clean, wash, watch, open, close, help, ask, answer, call, carry, cry,
dance, decide, enjoy, explain, finish, follow, hope, hurry, invite, kick, laugh, learn, like, listen,
live, look, love, move, need, paint, plan, point, pull, push, rain, repair, reply, rest, save, shout,
smile, start, stay, stop, study, thank, travel, try, turn, use, visit, wait, want, work, worry, drop,
clap, hug, rob, beg, chop, knock, lift, pack, pick, plant, pour, promise, record, share,
admire, agree, allow, apologise, appear, arrange, arrive, bake, bark, believe, boil, borrow, breathe,
brush, celebrate, change, chase, climb, collect, compare, complain, connect, continue, cough, count,
cover, create, cross, damage, deliver, deny, describe, destroy, disappear, discover, discuss, divide,
earn, escape, examine, fail, fill, fold, gather, greet, guess, hate, heat, imagine, improve,
introduce, join, land, lock, marry, measure, melt, mention, mix, multiply, notice, obey, offer,
order, park, pass, polish, practise, pray, prepare, press, print, protect, punish, rescue, return,
sail, scream, search, serve, shiver, sneeze, solve, squeeze, stretch, suggest, surprise, taste,
touch, trust, type, vanish, vote, warn, waste, whisper, whistle, wipe, wonder, yawn""")

# adjective / comparative / superlative
COMPARATIVES = _cells("""
big/bigger/biggest, small/smaller/smallest, tall/taller/tallest, short/shorter/shortest,
fast/faster/fastest, slow/slower/slowest, hot/hotter/hottest, cold/colder/coldest,
warm/warmer/warmest, cool/cooler/coolest, old/older/oldest, young/younger/youngest,
new/newer/newest, long/longer/longest, high/higher/highest, low/lower/lowest, deep/deeper/deepest,
wide/wider/widest, thick/thicker/thickest, thin/thinner/thinnest, strong/stronger/strongest,
weak/weaker/weakest, rich/richer/richest, poor/poorer/poorest, happy/happier/happiest,
sad/sadder/saddest, funny/funnier/funniest, busy/busier/busiest, easy/easier/easiest,
heavy/heavier/heaviest, pretty/prettier/prettiest, angry/angrier/angriest,
hungry/hungrier/hungriest, lucky/luckier/luckiest, noisy/noisier/noisiest, dirty/dirtier/dirtiest,
clean/cleaner/cleanest, dark/darker/darkest, bright/brighter/brightest, light/lighter/lightest,
loud/louder/loudest, quiet/quieter/quietest, soft/softer/softest, hard/harder/hardest,
sharp/sharper/sharpest, smooth/smoother/smoothest, sweet/sweeter/sweetest, brave/braver/bravest,
wise/wiser/wisest, nice/nicer/nicest, large/larger/largest, safe/safer/safest, wet/wetter/wettest,
dry/drier/driest, fat/fatter/fattest, good/better/best, bad/worse/worst, far/farther/farthest,
little/less/least, beautiful/more beautiful/most beautiful,
careful/more careful/most careful, expensive/more expensive/most expensive,
dangerous/more dangerous/most dangerous, interesting/more interesting/most interesting,
difficult/more difficult/most difficult, comfortable/more comfortable/most comfortable,
famous/more famous/most famous, useful/more useful/most useful, important/more important/most important,
near/nearer/nearest, cheap/cheaper/cheapest, clever/cleverer/cleverest, close/closer/closest,
early/earlier/earliest, late/later/latest, friendly/friendlier/friendliest, gentle/gentler/gentlest,
great/greater/greatest, kind/kinder/kindest, narrow/narrower/narrowest, simple/simpler/simplest,
strange/stranger/strangest, silly/sillier/silliest, ugly/uglier/ugliest, tiny/tinier/tiniest,
thirsty/thirstier/thirstiest, sleepy/sleepier/sleepiest, lazy/lazier/laziest, tasty/tastier/tastiest,
healthy/healthier/healthiest, windy/windier/windiest, sunny/sunnier/sunniest, rude/ruder/rudest,
fresh/fresher/freshest, steep/steeper/steepest, rough/rougher/roughest, tough/tougher/toughest,
calm/calmer/calmest, proud/prouder/proudest, plain/plainer/plainest, flat/flatter/flattest,
slim/slimmer/slimmest, pale/paler/palest, rare/rarer/rarest, strict/stricter/strictest,
modern/more modern/most modern, patient/more patient/most patient, popular/more popular/most popular,
powerful/more powerful/most powerful, wonderful/more wonderful/most wonderful,
generous/more generous/most generous, nervous/more nervous/most nervous,
colourful/more colourful/most colourful, delicious/more delicious/most delicious,
exciting/more exciting/most exciting, boring/more boring/most boring""")

# animal | class | young | group | sound | home ; a dash where there is no usual word
ANIMALS = _rows("""
dog|mammal|puppy|pack|bark|kennel
cat|mammal|kitten|clowder|meow|-
cow|mammal|calf|herd|moo|shed
horse|mammal|foal|herd|neigh|stable
sheep|mammal|lamb|flock|bleat|fold
goat|mammal|kid|herd|bleat|-
pig|mammal|piglet|drove|grunt|sty
lion|mammal|cub|pride|roar|den
tiger|mammal|cub|streak|roar|lair
bear|mammal|cub|sloth|growl|den
wolf|mammal|pup|pack|howl|lair
fox|mammal|kit|skulk|yelp|den
rabbit|mammal|kit|-|-|burrow
hare|mammal|leveret|-|-|form
mouse|mammal|pup|-|squeak|hole
deer|mammal|fawn|herd|-|-
elephant|mammal|calf|herd|trumpet|-
giraffe|mammal|calf|tower|-|-
zebra|mammal|foal|herd|bray|-
donkey|mammal|foal|drove|bray|stable
camel|mammal|calf|caravan|grunt|-
monkey|mammal|infant|troop|chatter|tree
gorilla|mammal|infant|band|-|-
kangaroo|mammal|joey|mob|-|-
koala|mammal|joey|-|-|tree
whale|mammal|calf|pod|sing|-
dolphin|mammal|calf|pod|click|-
seal|mammal|pup|colony|bark|-
otter|mammal|pup|raft|-|holt
squirrel|mammal|kit|scurry|chatter|drey
hedgehog|mammal|hoglet|-|-|nest
badger|mammal|cub|cete|-|sett
beaver|mammal|kit|colony|-|lodge
bat|mammal|pup|colony|screech|roost
hippopotamus|mammal|calf|bloat|grunt|-
rhinoceros|mammal|calf|crash|-|-
leopard|mammal|cub|leap|roar|-
cheetah|mammal|cub|-|chirp|-
panda|mammal|cub|-|-|-
llama|mammal|cria|herd|hum|-
mole|mammal|pup|labour|-|burrow
hen|bird|chick|brood|cluck|coop
duck|bird|duckling|flock|quack|-
goose|bird|gosling|gaggle|honk|-
swan|bird|cygnet|bevy|-|-
turkey|bird|poult|rafter|gobble|-
owl|bird|owlet|parliament|hoot|-
eagle|bird|eaglet|convocation|scream|eyrie
crow|bird|chick|murder|caw|rookery
pigeon|bird|squab|flock|coo|loft
penguin|bird|chick|colony|-|rookery
peacock|bird|peachick|muster|scream|-
parrot|bird|chick|flock|squawk|-
sparrow|bird|chick|host|chirp|nest
robin|bird|chick|-|chirp|nest
ostrich|bird|chick|flock|boom|-
flamingo|bird|chick|flamboyance|-|-
stork|bird|chick|muster|-|nest
seagull|bird|chick|colony|squawk|-
frog|amphibian|tadpole|army|croak|-
toad|amphibian|tadpole|knot|croak|-
newt|amphibian|eft|-|-|-
salamander|amphibian|larva|-|-|-
snake|reptile|snakelet|-|hiss|nest
crocodile|reptile|hatchling|bask|-|-
lizard|reptile|hatchling|-|-|-
turtle|reptile|hatchling|bale|-|-
tortoise|reptile|hatchling|creep|-|-
alligator|reptile|hatchling|congregation|bellow|-
chameleon|reptile|hatchling|-|-|-
salmon|fish|-|run|-|-
shark|fish|pup|shiver|-|-
trout|fish|-|-|-|-
herring|fish|-|shoal|-|-
tuna|fish|-|school|-|-
eel|fish|elver|-|-|-
cod|fish|-|shoal|-|-
goldfish|fish|-|-|-|bowl
bee|insect|larva|swarm|buzz|hive
ant|insect|larva|colony|-|anthill
wasp|insect|larva|swarm|buzz|nest
butterfly|insect|caterpillar|-|-|-
moth|insect|caterpillar|eclipse|-|-
fly|insect|maggot|swarm|buzz|-
mosquito|insect|larva|swarm|whine|-
cricket|insect|nymph|-|chirp|-
grasshopper|insect|nymph|cloud|chirp|-
locust|insect|nymph|plague|-|-
beetle|insect|grub|-|-|-
ladybird|insect|larva|loveliness|-|-
dragonfly|insect|nymph|-|-|-
spider|arachnid|spiderling|-|-|web
scorpion|arachnid|scorpling|-|-|-
tick|arachnid|larva|-|-|-
crab|crustacean|larva|cast|-|-
lobster|crustacean|larva|-|-|-
shrimp|crustacean|larva|-|-|-
snail|mollusc|-|-|-|shell
octopus|mollusc|-|-|-|-
squid|mollusc|-|-|-|-
""")

# element | symbol | atomic number
ELEMENTS = _cells("""
hydrogen/H/1, helium/He/2, lithium/Li/3, beryllium/Be/4, boron/B/5, carbon/C/6, nitrogen/N/7,
oxygen/O/8, fluorine/F/9, neon/Ne/10, sodium/Na/11, magnesium/Mg/12, aluminium/Al/13, silicon/Si/14,
phosphorus/P/15, sulfur/S/16, chlorine/Cl/17, argon/Ar/18, potassium/K/19, calcium/Ca/20,
scandium/Sc/21, titanium/Ti/22, vanadium/V/23, chromium/Cr/24, manganese/Mn/25, iron/Fe/26,
cobalt/Co/27, nickel/Ni/28, copper/Cu/29, zinc/Zn/30, gallium/Ga/31, germanium/Ge/32, arsenic/As/33,
selenium/Se/34, bromine/Br/35, krypton/Kr/36, rubidium/Rb/37, strontium/Sr/38, yttrium/Y/39,
zirconium/Zr/40, niobium/Nb/41, molybdenum/Mo/42, ruthenium/Ru/44, rhodium/Rh/45, palladium/Pd/46,
silver/Ag/47, cadmium/Cd/48, indium/In/49, tin/Sn/50, antimony/Sb/51, tellurium/Te/52, iodine/I/53,
xenon/Xe/54, caesium/Cs/55, barium/Ba/56, tungsten/W/74, platinum/Pt/78, gold/Au/79, mercury/Hg/80,
lead/Pb/82, bismuth/Bi/83, radon/Rn/86, radium/Ra/88, uranium/U/92, plutonium/Pu/94""")

# as ADJECTIVE as NOUN
SIMILES = _cells("""
brave/a lion, busy/a bee, blind/a bat, sly/a fox, slow/a snail, quiet/a mouse, strong/an ox,
proud/a peacock, stubborn/a mule, gentle/a lamb, wise/an owl, free/a bird, happy/a lark,
hungry/a wolf, slippery/an eel, graceful/a swan, fat/a pig, playful/a kitten, loyal/a dog,
cold/ice, hot/fire, white/snow, black/coal, green/grass, blue/the sky, red/a rose, light/a feather,
heavy/lead, hard/a rock, soft/silk, smooth/glass, sharp/a razor, sweet/honey, sour/vinegar,
bitter/gall, clear/crystal, dry/a bone, flat/a pancake, thin/a rake, tall/a giraffe, deep/the ocean,
old/the hills, bright/the sun, dark/night, fast/lightning, good/gold, fresh/a daisy, cool/a cucumber,
clean/a whistle, fit/a fiddle, tough/leather, straight/an arrow, round/a ball, steady/a rock,
silent/the grave, poor/a church mouse, rich/a king, thick/a brick, pale/a ghost, regular/clockwork,
solid/a rock, easy/pie, innocent/a baby, mad/a hatter, warm/toast, safe/houses, swift/a deer, agile/a monkey,
dead/a doornail, fierce/a tiger, plain/day, pretty/a picture, quick/a flash, sound/a bell,
stiff/a board, still/a statue, ugly/sin, vain/a peacock, bald/a coot,
cunning/a fox, dull/ditchwater, keen/mustard, neat/a pin, snug/a bug in a rug, true/steel,
weak/a kitten, stubborn/a mule, bold/brass, brown/a berry, nutty/a fruitcake, sturdy/an oak""")
SIMILES = sorted(set(SIMILES))

# first half | second half
PROVERBS = _rows("""
A stitch in time|saves nine
The early bird|catches the worm
Actions speak|louder than words
All that glitters|is not gold
When in Rome,|do as the Romans do
Practice|makes perfect
A bird in the hand|is worth two in the bush
Don't count your chickens|before they hatch
Where there's a will,|there's a way
Better late|than never
Birds of a feather|flock together
Too many cooks|spoil the broth
Many hands|make light work
An apple a day|keeps the doctor away
Every cloud|has a silver lining
Honesty is|the best policy
Look before|you leap
Two heads|are better than one
Rome was not built|in a day
The pen is mightier|than the sword
Don't put all your eggs|in one basket
You can't judge a book|by its cover
When the cat's away,|the mice will play
Out of sight,|out of mind
Absence makes the heart|grow fonder
Make hay|while the sun shines
Strike while|the iron is hot
Curiosity|killed the cat
Don't bite the hand|that feeds you
The apple does not fall|far from the tree
There is no smoke|without fire
Where there's smoke,|there's fire
A watched pot|never boils
Beggars can't|be choosers
Better safe|than sorry
Blood is thicker|than water
Cleanliness is next|to godliness
Easy come,|easy go
Fortune favours|the bold
Half a loaf is better|than none
Haste|makes waste
If at first you don't succeed,|try, try again
It's no use crying|over spilt milk
Let sleeping dogs|lie
Like father,|like son
Necessity is|the mother of invention
No news|is good news
Nothing ventured,|nothing gained
One good turn|deserves another
People who live in glass houses|should not throw stones
Slow and steady|wins the race
Still waters|run deep
The grass is always greener|on the other side of the fence
Time and tide|wait for no man
You can lead a horse to water,|but you can't make it drink
You can't teach an old dog|new tricks
A friend in need|is a friend indeed
A rolling stone|gathers no moss
Once bitten,|twice shy
First come,|first served
All's well|that ends well
A penny saved|is a penny earned
A leopard cannot|change its spots
Barking dogs|seldom bite
Charity begins|at home
Great minds|think alike
Laughter is|the best medicine
The more,|the merrier
Knowledge|is power
A chain is only as strong|as its weakest link
A fool and his money|are soon parted
A picture is worth|a thousand words
All roads|lead to Rome
All work and no play|makes Jack a dull boy
As you sow,|so you shall reap
Bad news|travels fast
Beauty is|in the eye of the beholder
Don't look a gift horse|in the mouth
Don't put the cart|before the horse
Don't cross the bridge|until you come to it
Every dog|has its day
Familiarity|breeds contempt
Forewarned|is forearmed
Good things come|to those who wait
Home is|where the heart is
Hunger is|the best sauce
If the shoe fits,|wear it
Ignorance|is bliss
In for a penny,|in for a pound
It takes two|to tango
It never rains|but it pours
Money does not|grow on trees
No man|is an island
No pain,|no gain
Old habits|die hard
Patience|is a virtue
Revenge is a dish|best served cold
Seeing|is believing
Silence|is golden
Speak of the devil|and he appears
The end justifies|the means
The proof of the pudding|is in the eating
The squeaky wheel|gets the grease
Truth is stranger|than fiction
Two wrongs|don't make a right
Variety is|the spice of life
""")

# category, singular with article -> members
CATEGORIES = {
    "a fruit": _words("""apple, banana, orange, pear, grape, cherry, plum, peach, mango, lemon, melon,
        strawberry, raspberry, pineapple, apricot, fig"""),
    "a vegetable": _words("""carrot, potato, onion, cabbage, spinach, broccoli, lettuce, celery, leek,
        turnip, cauliflower, parsnip, radish, asparagus"""),
    "a mammal": _words("""dog, cat, horse, cow, lion, elephant, whale, bear, rabbit, wolf, tiger,
        giraffe, zebra, sheep"""),
    "a bird": _words("""eagle, sparrow, robin, parrot, owl, pigeon, swan, duck, crow, penguin, ostrich,
        hawk, seagull, peacock"""),
    "a fish": _words("salmon, trout, cod, tuna, shark, herring, carp, eel, pike, haddock, sardine"),
    "an insect": _words("""ant, bee, butterfly, beetle, mosquito, wasp, grasshopper, cricket, moth,
        ladybird, dragonfly"""),
    "a reptile": _words("""snake, lizard, crocodile, turtle, tortoise, alligator, gecko, iguana,
        chameleon, python"""),
    "a colour": _words(
        "red, blue, green, yellow, purple, black, white, brown, pink, grey, turquoise"
    ),
    "a musical instrument": _words("""piano, violin, guitar, flute, drum, trumpet, harp, cello, clarinet,
        oboe, trombone, saxophone"""),
    "a piece of furniture": _words("""chair, table, sofa, bed, wardrobe, desk, bookcase, stool, armchair,
        cupboard, bench"""),
    "an item of clothing": _words("""shirt, coat, skirt, jacket, jumper, sock, scarf, dress, glove,
        blouse, sweater, cardigan"""),
    "a vehicle": _words("""car, bus, lorry, train, bicycle, tram, van, motorcycle, taxi, tractor,
        ambulance, scooter"""),
    "a tool": _words("""hammer, saw, screwdriver, spanner, drill, chisel, pliers, axe, wrench, spade,
        rake, trowel"""),
    "a sport": _words("""football, tennis, basketball, hockey, rugby, volleyball, badminton, golf,
        cricket, baseball, swimming, boxing"""),
    "a profession": _words("""doctor, teacher, plumber, lawyer, nurse, baker, farmer, carpenter, dentist,
        journalist, electrician, architect"""),
    "a flower": _words("""tulip, daisy, daffodil, lily, sunflower, orchid, carnation, poppy,
        buttercup, snowdrop, marigold, rose"""),
    "a tree": _words(
        "oak, birch, willow, maple, ash, beech, elm, cedar, fir, poplar, chestnut, yew"
    ),
    "a metal": _words("iron, copper, silver, gold, zinc, tin, lead, aluminium, nickel, titanium"),
    "a drink": _words(
        """water, milk, tea, coffee, lemonade, cocoa, juice, cola, cider, wine, beer"""
    ),
    "a part of the body": _words("""arm, leg, hand, foot, knee, elbow, shoulder, neck, finger, ear, nose,
        ankle, wrist"""),
    "a month": _words("""January, February, March, April, May, June, July, August, September, October,
        November, December"""),
    "a planet": _words("Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus, Neptune"),
    "a shape": _words("""circle, square, triangle, rectangle, oval, pentagon, hexagon, octagon, diamond,
        cube"""),
    "a language": _words("""English, French, Spanish, German, Italian, Russian, Arabic, Chinese, Hindi,
        Japanese, Korean, Portuguese"""),
    "a weather phenomenon": _words("""rain, snow, fog, wind, hail, sunshine, thunder, drizzle, sleet,
        frost"""),
    "a kitchen utensil": _words("""spoon, fork, whisk, ladle, spatula, sieve, grater, rolling pin, peeler,
        colander"""),
    "a building": _words("""house, church, castle, school, hospital, factory, library, museum, hotel,
        cathedral, barn"""),
    "a gemstone": _words(
        "ruby, emerald, sapphire, amethyst, topaz, opal, garnet, pearl, diamond, jade"
    ),
    "a spice": _words("""cinnamon, pepper, ginger, nutmeg, saffron, turmeric, cumin, paprika, clove,
        cardamom"""),
    "a family member": _words("""mother, father, sister, brother, aunt, uncle, cousin, grandmother,
        nephew, niece, daughter"""),
    "a body of water": _words(
        "river, lake, ocean, sea, pond, stream, canal, bay, lagoon, reservoir"
    ),
    "a subject at school": _words("""mathematics, history, geography, science, music, art, biology,
        chemistry, physics, literature"""),
}
# countries in which no single language stands for all, so that asking for one would be unfair
MANY_LANGUAGES = {
    "Belgium", "Switzerland", "Afghanistan", "Haiti", "Djibouti", "Lesotho", "Papua New Guinea",
    "Fiji", "Zambia", "Namibia", "Botswana", "Uganda", "Cameroon", "Chad", "Vanuatu", "Kiribati",
    "Canada", "Mauritius", "Suriname", "Eritrea", "Mali", "Niger", "Senegal", "Togo", "Gabon",
    "Burkina Faso", "Guinea", "Guinea-Bissau", "Sierra Leone", "Malawi", "Burundi", "Rwanda",
    "Kenya", "Nigeria", "Ghana", "the Gambia", "Liberia", "Pakistan", "Iraq", "Algeria", "Morocco",
    "India", "Paraguay", "the Philippines", "Malta", "Belarus", "Tuvalu", "Brunei", "Bhutan",
}  # fmt: skip
# groups of islands, which "is in Oceania" does not suit
ISLANDS = {"the Solomon Islands", "the Maldives", "the Bahamas", "the Philippines"}
# countries that lie on two continents, so that asking for one would be unfair
TWO_CONTINENTS = {"Georgia", "Armenia", "Azerbaijan", "Turkey", "Kazakhstan", "Egypt", "Russia"}

# the plural of each category's name, for lists
CATEGORY_PLURALS = {
    "a fruit": "fruits",
    "a vegetable": "vegetables",
    "a mammal": "mammals",
    "a bird": "birds",
    "a fish": "fish",
    "an insect": "insects",
    "a reptile": "reptiles",
    "a colour": "colours",
    "a musical instrument": "musical instruments",
    "a piece of furniture": "pieces of furniture",
    "an item of clothing": "items of clothing",
    "a vehicle": "vehicles",
    "a tool": "tools",
    "a sport": "sports",
    "a profession": "professions",
    "a flower": "flowers",
    "a tree": "trees",
    "a metal": "metals",
    "a drink": "drinks",
    "a part of the body": "parts of the body",
    "a month": "months",
    "a planet": "planets",
    "a shape": "shapes",
    "a language": "languages",
    "a weather phenomenon": "weather phenomena",
    "a kitchen utensil": "kitchen utensils",
    "a building": "buildings",
    "a gemstone": "gemstones",
    "a spice": "spices",
    "a family member": "family members",
    "a body of water": "bodies of water",
    "a subject at school": "school subjects",
}

# word | what it is, without the word itself
DEFINITIONS = _rows("""
umbrella|a folding cover on a stick that keeps off the rain
bridge|a structure that carries a road or path over water or a valley
library|a place where books are kept for people to read or borrow
hospital|a building where sick and injured people are treated
bakery|a shop where bread and cakes are made and sold
museum|a building where interesting or valuable objects are shown to the public
harbour|a sheltered place on the coast where ships can stay safely
island|a piece of land with water all around it
desert|a dry region where very little rain falls
volcano|a mountain with an opening through which hot melted rock can escape
glacier|a huge mass of ice that moves slowly down a valley
valley|the low land between hills or mountains
waterfall|a place where a river drops over a steep edge
forest|a large area of land covered with trees
lighthouse|a tower with a strong lamp that warns ships of danger
orchard|a piece of land on which fruit trees are grown
vineyard|a field where grapes are grown
meadow|a field of grass and wild flowers
map|a drawing that shows where places are
compass|an instrument whose needle points to the north
thermometer|an instrument that measures temperature
telescope|an instrument that makes distant things look nearer
microscope|an instrument that makes very small things look larger
calendar|a chart of the days, weeks and months of a year
dictionary|a book that explains the meanings of words
diary|a book in which a person writes down what happens each day
novel|a long written story about imagined people and events
poem|a piece of writing in lines, often with rhythm and rhyme
recipe|a list of ingredients and steps for making a dish
ladder|a set of rungs between two long poles, used for climbing
candle|a stick of wax with a wick that gives light when it burns
pillow|a soft cushion on which the head rests in bed
blanket|a large warm cover for a bed
kettle|a vessel with a spout in which water is boiled
oven|a closed space in a cooker where food is baked or roasted
refrigerator|a machine that keeps food cold and fresh
mirror|a piece of glass that reflects what is in front of it
hammer|a tool with a heavy head for driving in nails
needle|a thin pointed piece of metal used for sewing
bicycle|a vehicle with two wheels that is moved by pedals
submarine|a ship that can travel under water
parachute|a large cloth that slows a person's fall through the air
anchor|a heavy metal object that holds a ship in place
tunnel|a passage dug under the ground or through a hill
passport|an official document that lets a person travel abroad
ticket|a piece of paper or a code that shows that a fare or entry has been paid
suitcase|a case with a handle for carrying clothes on a journey
neighbour|a person who lives next door or close by
orphan|a child whose parents have died
twin|one of two children born to the same mother at the same time
widow|a woman whose husband has died
stranger|a person whom one does not know
volunteer|a person who works without being paid
customer|a person who buys something in a shop
passenger|a person who travels in a vehicle without driving it
pedestrian|a person who is walking in the street
tourist|a person who visits a place for pleasure
refugee|a person who has fled from home because of danger
ancestor|a family member who lived long ago
village|a small group of houses in the country
capital|the city where a country's government sits
border|the line that divides one country from another
century|a period of one hundred years
decade|a period of ten years
dawn|the time of day when the sun comes up
dusk|the time of day just before night
harvest|the gathering of ripe crops
drought|a long time without enough rain
flood|a large amount of water covering land that is usually dry
earthquake|a sudden shaking of the ground
avalanche|a mass of snow sliding down a mountain
rainbow|an arch of colours seen in the sky when the sun shines through rain
fog|a thick cloud of tiny drops close to the ground
lightning|a flash of electricity in the sky during a storm
shadow|a dark shape made where something blocks the light
echo|a sound that comes back after hitting a wall or hill
orbit|the path of one body in space around another
planet|a large round body that travels around a star
comet|a lump of ice and dust that shows a bright tail near the sun
oxygen|a gas that people and animals need to breathe
fossil|the remains of a living thing kept in rock for a very long time
skeleton|the frame of bones that supports a body
heart|the organ that pumps blood around the body
lung|one of the two organs with which we breathe
brain|the organ inside the head with which we think
muscle|a part of the body that tightens to make us move
vaccine|a substance that teaches the body to fight a disease
medicine|a substance taken to cure or ease an illness
thirst|the feeling of needing to drink
hunger|the feeling of needing to eat
courage|the strength to face danger in spite of fear
patience|the ability to wait calmly
honesty|the habit of telling the truth
curiosity|the wish to know or learn something
friendship|a close and kind bond between people who like each other
jealousy|the unhappy wish to have what somebody else has
promise|a statement that one will surely do something
secret|something that is kept hidden from others
apology|words that say one is sorry
rumour|a story passed around that may not be true
debate|a discussion in which people argue for different sides
election|an event in which people vote to choose their leaders
law|a rule made by a government that everyone must obey
tax|money that people must pay to the government
wage|money that is regularly paid for work
debt|money that is owed to somebody
bargain|something bought for less than its usual price
auction|a sale in which things go to the person who offers most
factory|a building where goods are made with machines
robot|a machine that can carry out tasks by itself
password|a secret word that lets a person use a computer or account
keyboard|a set of keys with which text is typed
engine|a machine that turns fuel into movement
battery|a device that stores electricity
magnet|a piece of metal that attracts iron
cactus|a plant with thick stems and spines that grows in dry places
seed|the small part of a plant from which a new plant grows
root|the part of a plant that takes up water from the soil
petal|one of the coloured parts of a flower
nest|a home that a bird builds for its eggs
feather|one of the light soft parts that cover a bird
predator|an animal that hunts and eats other animals
herbivore|an animal that eats only plants
hive|a home for bees
orchestra|a large group of musicians who play together
choir|a group of people who sing together
sculpture|a work of art carved or shaped in stone, wood or metal
portrait|a picture of a person
audience|the people who watch or listen to a performance
rehearsal|a practice before a performance
trophy|a prize given to the winner of a competition
puzzle|a game or problem that takes thought to solve
souvenir|an object that reminds one of a place one has visited
picnic|a meal eaten outdoors
breakfast|the first meal of the day
dessert|a sweet dish eaten at the end of a meal
alphabet|the set of letters in which a language is written
aquarium|a glass tank in which fish are kept
airport|a place where aeroplanes take off and land
atlas|a book of maps
autobiography|the story of a person's life written by that person
balcony|a platform with a railing on the outside of a building
barometer|an instrument that measures the pressure of the air
bouquet|a bunch of flowers given as a present
canoe|a narrow light boat that is moved with a paddle
carnivore|an animal that eats mainly meat
castle|a large old building with thick walls, built to keep enemies out
cathedral|a very large and important church
cellar|a room under a house
cemetery|a place where the dead are buried
chimney|a pipe that carries smoke from a fire out through the roof
corridor|a long narrow passage inside a building
curtain|a piece of cloth that hangs in front of a window
dam|a wall built across a river to hold back the water
eclipse|a moment when the moon or the sun is hidden by a shadow
elevator|a cabin that carries people up and down in a building
envelope|a paper cover in which a letter is sent
fence|a wooden or metal barrier around a piece of land
fountain|a structure that sends water up into the air
garage|a building in which a car is kept
greenhouse|a glass building in which plants are grown
hammock|a bed of net or cloth hung between two posts
helmet|a hard hat that protects the head
hermit|a person who lives alone and far away from others
horizon|the line where the sky seems to meet the land or the sea
hurricane|a violent storm with very strong winds
iceberg|a huge piece of ice floating in the sea
igloo|a round house built of blocks of snow
invention|something new that nobody had made before
jungle|a thick forest in a hot wet country
kitchen|a room in which food is cooked
legend|an old story that may or may not be true
market|a place where people meet to buy and sell things
mosque|a building in which Muslims pray
nephew|the son of a person's brother or sister
niece|the daughter of a person's brother or sister
oasis|a place in the desert where there is water
optimist|a person who expects good things to happen
pantry|a small room or cupboard where food is kept
peninsula|a piece of land that is almost surrounded by water
pharmacy|a shop where medicines are sold
pirate|a person who attacks and robs ships at sea
prison|a building in which criminals are locked up
quarry|a place where stone is dug out of the ground
raft|a flat boat made of logs tied together
reptile|a cold-blooded animal with dry scaly skin
salary|a fixed sum of money paid every month for work
scarf|a long piece of cloth worn around the neck
silence|a complete lack of sound
stable|a building in which horses are kept
stethoscope|an instrument with which doctors listen to the heart
synagogue|a building in which Jews pray
tide|the rise and fall of the sea twice a day
treaty|a written agreement between countries
unicorn|a horse with one horn that exists only in stories
vitamin|a substance in food that the body needs in small amounts
vocabulary|all the words that a person knows
well|a deep hole in the ground from which water is drawn
widower|a man whose wife has died
zoo|a park where wild animals are kept for people to see
""")

# profession | what the person does
PROFESSIONS = _rows("""
doctor|treats people who are ill
dentist|looks after people's teeth
teacher|helps pupils to learn
baker|makes bread and cakes
butcher|prepares and sells meat
farmer|grows crops and keeps animals
fisherman|catches fish
gardener|looks after plants and gardens
florist|sells flowers
carpenter|makes things out of wood
plumber|fits and repairs water pipes
electrician|fits and repairs electrical wiring
mechanic|repairs engines and cars
builder|builds houses
bricklayer|builds walls with bricks
architect|designs buildings
engineer|designs machines, roads or bridges
painter|paints pictures or walls
sculptor|carves statues
potter|makes pots out of clay
tailor|makes and alters clothes
cobbler|mends shoes
jeweller|makes and sells rings and necklaces
hairdresser|cuts and styles hair
chef|cooks meals in a restaurant
waiter|serves food at tables
pilot|flies aeroplanes
sailor|works on a ship
astronaut|travels into space
astronomer|studies the stars and planets
chemist|studies substances and how they react
biologist|studies living things
geologist|studies rocks and the earth
historian|studies the past
librarian|looks after the books in a library
journalist|writes news stories
author|writes books
poet|writes poems
editor|corrects and improves texts
translator|turns texts from one language into another
photographer|takes pictures with a camera
actor|plays roles on stage or in films
musician|plays music
composer|writes music
conductor|leads an orchestra
dancer|dances for an audience
judge|decides cases in court
lawyer|advises people about the law
detective|investigates crimes
firefighter|puts out fires
nurse|cares for patients in a hospital
surgeon|performs operations
veterinarian|treats sick animals
pharmacist|prepares and gives out medicines
optician|tests eyes and sells glasses
accountant|keeps financial records
cashier|takes payments in a shop
postman|delivers letters and parcels
shepherd|looks after sheep
beekeeper|keeps bees and collects honey
miner|digs coal or metals out of the ground
blacksmith|shapes iron with a hammer and fire
locksmith|makes and mends locks and keys
lifeguard|rescues swimmers in danger
referee|makes sure that players follow the rules
tour guide|shows visitors around places
programmer|writes software for computers
cartographer|draws maps
meteorologist|studies and forecasts the weather
archaeologist|digs up and studies ancient objects
auctioneer|sells things to the highest bidder
babysitter|looks after children while their parents are out
barber|cuts men's hair and beards
bookbinder|binds pages into books
bus driver|drives passengers around a town
cleaner|cleans rooms and offices
clown|makes people laugh in a circus
coach|trains a sports team
confectioner|makes sweets and chocolates
diplomat|represents a country abroad
diver|works under water
economist|studies how money and trade work
explorer|travels to unknown places
forester|looks after a forest
glazier|fits glass into windows
goldsmith|makes things out of gold
guard|watches over a building at night
interpreter|translates spoken words
jockey|rides horses in races
magician|performs tricks on stage
mayor|leads the government of a town
midwife|helps mothers at the birth of a child
novelist|writes novels
pianist|plays the piano
police officer|makes sure that people obey the law
psychologist|studies how people think and behave
receptionist|welcomes visitors at a front desk
roofer|builds and mends roofs
saddler|makes saddles and harness for horses
secretary|writes letters and arranges meetings in an office
shoemaker|makes shoes
soldier|serves in an army
violinist|plays the violin
weaver|makes cloth on a loom
zoologist|studies animals
""")

# male / female
GENDERS = _cells("""
king/queen, prince/princess, man/woman, boy/girl, father/mother, son/daughter, brother/sister,
uncle/aunt, nephew/niece, husband/wife, grandfather/grandmother, actor/actress, waiter/waitress,
host/hostess, hero/heroine, duke/duchess, emperor/empress, god/goddess, lion/lioness, tiger/tigress,
bull/cow, stallion/mare, ram/ewe, rooster/hen, drake/duck, gander/goose, stag/doe, boar/sow,
fox/vixen, widower/widow, bridegroom/bride, wizard/witch, monk/nun, lord/lady, steward/stewardess,
heir/heiress, stepfather/stepmother, gentleman/lady, count/countess, baron/baroness""")

RHYMES = _cells("""
cat/hat, dog/fog, house/mouse, tree/bee, moon/spoon, star/car, light/night, rain/train, day/play,
king/ring, ball/wall, boat/goat, cake/lake, door/floor, fish/dish, fox/box, hand/sand, hill/mill,
ice/mice, book/hook, bread/head, chair/bear, clock/sock, cold/gold, cook/look, crown/town, duck/truck,
ear/deer, face/race, fan/man, feet/sheet, fire/wire, flower/tower, frog/log, game/name, gate/plate,
green/queen, hair/pear, hen/pen, honey/money, jam/ham, kite/bite, leg/egg, lip/ship, map/cap,
nail/snail, nest/vest, nose/rose, nut/hut, park/shark, pig/wig, pie/sky, road/toad, rock/lock,
sail/whale, school/pool, seed/weed, sun/fun, shell/bell, song/long, gun/run, table/cable, tail/pail,
tent/cent, time/lime, tooth/booth, wave/cave, wheel/meal, word/bird, bright/kite,
fly/cry, soap/rope, stone/phone, snow/toe, blue/shoe, sleep/sheep, dream/cream, bed/thread, jug/mug""")

# thing(s) with verb | colour
COLOURS = _rows("""
grass is|green
snow is|white
a ripe tomato is|red
a lemon is|yellow
the sky on a clear day is|blue
coal is|black
chocolate is|brown
a carrot is|orange
milk is|white
an elephant is|grey
a flamingo is|pink
a ripe banana is|yellow
blood is|red
a frog is often|green
a raven is|black
an aubergine is|purple
the yolk of an egg is|yellow
a polar bear is|white
a fire engine is often|red
spinach is|green
sand is often|yellow
a sunflower is|yellow
emeralds are|green
rubies are|red
sapphires are usually|blue
lavender is|purple
""")

DAYS = _words("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")
MONTHS = CATEGORIES["a month"]
MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
SEASONS = ["spring", "summer", "autumn", "winter"]
PLANETS = CATEGORIES["a planet"]
ORDINALS = _words("""first, second, third, fourth, fifth, sixth, seventh, eighth, ninth, tenth, eleventh,
    twelfth""")

# large unit, plural | small unit, plural | how many small ones | singular large
UNITS = _rows("""
kilometres|metres|1000|kilometre
metres|centimetres|100|metre
centimetres|millimetres|10|centimetre
kilograms|grams|1000|kilogram
tonnes|kilograms|1000|tonne
grams|milligrams|1000|gram
litres|millilitres|1000|litre
hours|minutes|60|hour
minutes|seconds|60|minute
days|hours|24|day
weeks|days|7|week
years|months|12|year
decades|years|10|decade
centuries|years|100|century
feet|inches|12|foot
yards|feet|3|yard
pounds|ounces|16|pound
euros|cents|100|euro
""")

_ONES = _words("""zero, one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve,
    thirteen, fourteen, fifteen, sixteen, seventeen, eighteen, nineteen""")
_TENS = _words("twenty, thirty, forty, fifty, sixty, seventy, eighty, ninety")


def number_word(n: int) -> str:
    """A whole number from 0 to 999,999 in words."""
    if n < 20:
        return _ONES[n]
    if n < 100:
        rest = f"-{_ONES[n % 10]}" if n % 10 else ""
        return _TENS[n // 10 - 2] + rest
    size, name = (100, "hundred") if n < 1000 else (1000, "thousand")
    rest = n % size
    head = f"{number_word(n // size)} {name}"
    if not rest:
        return head
    return f"{head} and {number_word(rest)}" if rest < 100 else f"{head} {number_word(rest)}"


# word | what it means | its homophone | what that means
HOMOPHONES = _rows("""
their|belonging to them|there|in that place
sea|the salt water around the land|see|to notice with the eyes
flower|the blossom of a plant|flour|the powder from which bread is made
pair|two things that belong together|pear|a sweet juicy fruit
right|correct|write|to put words on paper
son|a male child|sun|the star that warms the earth
hair|what grows on the head|hare|an animal like a large rabbit
meat|the flesh of animals as food|meet|to come together with someone
tail|the part at an animal's back end|tale|a story
week|a period of seven days|weak|not strong
hole|an opening|whole|complete
knight|a soldier in armour|night|the dark part of a day
plain|simple|plane|a flying machine
peace|a time without war|piece|a part of something
sail|the cloth that catches the wind on a boat|sale|the act of selling
steal|to take what belongs to another|steel|a hard metal made from iron
bear|a large furry animal|bare|without any covering
deer|an animal with antlers|dear|loved
eight|the number after seven|ate|took food
blue|the colour of a clear sky|blew|moved air
brake|the part that stops a car|break|to split into pieces
buy|to get something for money|by|next to
hear|to notice with the ears|here|in this place
hour|sixty minutes|our|belonging to us
knew|was aware of|new|not old
mail|letters and parcels|male|of the sex of men
no|the opposite of yes|know|to be aware of
one|the number before two|won|came first in a game
rain|water falling from clouds|reign|the rule of a king or queen
road|a way for cars|rode|travelled on a horse
rose|a flower with thorns|rows|lines of things
scent|a pleasant smell|sent|made something go
stairs|a set of steps|stares|looks for a long time
waist|the middle of the body|waste|to use badly
wait|to stay until something happens|weight|how heavy something is
wood|the material of trees|would|the past form of will
cell|the smallest part of a living thing|sell|to give for money
wear|to have clothes on|where|in which place
root|the part of a plant in the soil|route|the way from one place to another
medal|a metal disc given as a prize|meddle|to interfere
""")

# wrong / right
MISSPELT = _cells("""
recieve/receive, beleive/believe, freind/friend, wierd/weird, definately/definitely,
seperate/separate, occured/occurred, untill/until, tommorow/tomorrow, begining/beginning,
neccessary/necessary, adress/address, accomodate/accommodate, acheive/achieve, arguement/argument,
calender/calendar, cemetary/cemetery, collegue/colleague, comittee/committee, concious/conscious,
dissapear/disappear, dissapoint/disappoint, embarass/embarrass, enviroment/environment,
existance/existence, familar/familiar, finaly/finally, foriegn/foreign, fourty/forty,
goverment/government, grammer/grammar, gaurd/guard, happend/happened, harrass/harass,
hieght/height, hygeine/hygiene, imediately/immediately, independant/independent,
intresting/interesting, knowlege/knowledge, libary/library, lisence/licence, maintainance/maintenance,
mispell/misspell, neice/niece, noticable/noticeable, ocassion/occasion, parliment/parliament,
peice/piece, persue/pursue, posession/possession, prefered/preferred, privelege/privilege,
probaly/probably, publically/publicly, realy/really, reccomend/recommend, refered/referred,
religous/religious, remeber/remember, resturant/restaurant, rythm/rhythm, shedule/schedule,
sieze/seize, sincerly/sincerely, speach/speech, succesful/successful, suprise/surprise,
temperture/temperature,
therefor/therefore, thier/their, threshhold/threshold, truely/truly, twelth/twelfth, tyrany/tyranny,
unforseen/unforeseen, usualy/usually, vegatable/vegetable, visable/visible, wether/whether,
wich/which, writting/writing, yeild/yield, buisness/business, beautifull/beautiful, becuase/because,
choclate/chocolate, diffrent/different, excercise/exercise, febuary/February, jewelery/jewellery,
lightening/lightning, minature/miniature, neigbour/neighbour, ninty/ninety, opinon/opinion,
poeple/people, quiestion/question, scisors/scissors, sandwhich/sandwich, tounge/tongue,
wensday/Wednesday, holliday/holiday, apparant/apparent, vaccum/vacuum, medecine/medicine,
absense/absence, accross/across, agressive/aggressive, allways/always, ammount/amount, anual/annual,
artical/article, athelete/athlete, balence/balance, bycicle/bicycle, brocoli/broccoli,
carefull/careful, catagory/category, cieling/ceiling, certian/certain, childern/children,
comming/coming, decison/decision, desparate/desperate, docter/doctor, easilly/easily, eigth/eighth,
eqipment/equipment, exellent/excellent, experiance/experience, explaination/explanation,
fasinating/fascinating, forrest/forest, garantee/guarantee, gratefull/grateful, guidence/guidance,
hankerchief/handkerchief, hospitle/hospital, hunderd/hundred, inteligent/intelligent, jelous/jealous,
kichen/kitchen, langauge/language, leasure/leisure, lonley/lonely, marrage/marriage,
mathmatics/mathematics, mischievious/mischievous, monkies/monkeys, morgage/mortgage,
mountian/mountain, naturaly/naturally, oppurtunity/opportunity, orignal/original, paralell/parallel,
particulary/particularly, peculier/peculiar, perminent/permanent, pidgeon/pigeon, pleasent/pleasant,
potatos/potatoes, presance/presence, proffesor/professor, pronounciation/pronunciation,
recipt/receipt, relevent/relevant, repitition/repetition, sacrafice/sacrifice, saftey/safety,
scool/school, studing/studying, sucess/success, suger/sugar, thougt/thought, tomatos/tomatoes,
tradgedy/tragedy, umberella/umbrella, unnecesary/unnecessary, valuble/valuable, villian/villain,
wellcome/welcome, wonderfull/wonderful, yestarday/yesterday""")

# a sentence for a word that is often misspelt
SPELLING_FRAMES = dict(
    _rows("""
receive|Did you {} my letter?
believe|I do not {} that story.
friend|My best {} lives next door.
weird|We heard a {} noise in the night.
definitely|She will {} come to the party.
separate|The twins sleep in {} rooms.
occurred|The accident {} at noon.
until|We waited {} the rain stopped.
tomorrow|The train leaves early {}.
beginning|The {} of the film was slow.
necessary|It is {} to wear a helmet.
address|Please write your {} on the form.
argument|They had a long {} about money.
calendar|The {} hangs in the kitchen.
disappoint|I do not want to {} you.
environment|We must protect the {}.
familiar|Her voice sounded {}.
finally|The bus {} arrived.
foreign|He speaks two {} languages.
forty|There were {} guests at the wedding.
government|The {} made a new law.
grammar|The teacher explained the {} again.
guard|A {} stood at the gate.
happened|Nobody knows what {}.
height|The {} of the tower surprised us.
immediately|Call the doctor {}.
interesting|It was a very {} book.
knowledge|Her {} of plants is great.
library|The {} closes at six.
niece|My {} is five years old.
piece|May I have a {} of cake?
probably|It will {} rain tonight.
really|The soup is {} good.
remember|I cannot {} his name.
restaurant|We ate in a small {}.
surprise|The party was a {}.
speech|He gave a short {}.
successful|The trip was very {}.
usually|She {} walks to work.
vegetable|My favourite {} is the carrot.
which|I do not know {} road to take.
writing|She is {} a letter.
business|The family runs a small {}.
beautiful|What a {} garden!
because|He stayed at home {} he was ill.
chocolate|The children love {}.
different|My sister and I are very {}.
exercise|Walking is good {}.
neighbour|Our {} has three cats.
opinion|In my {}, the film was too long.
people|Many {} came to the market.
question|May I ask a {}?
scissors|The {} are in the drawer.
sandwich|He ate a cheese {}.
tongue|I bit my {}.
holiday|Our {} starts on Monday.
medicine|Take the {} twice a day.
truly|I am {} sorry.
twelfth|Today is her {} birthday.
temperature|The {} fell below zero.
absence|Nobody noticed her {}.
across|They walked {} the bridge.
always|He {} tells the truth.
bicycle|Her {} has a flat tyre.
careful|Be {} with the glass.
ceiling|There is a spider on the {}.
certain|Are you {} about the time?
children|The {} are playing outside.
coming|My cousin is {} on Sunday.
decision|It was a difficult {}.
doctor|The {} looked at my knee.
experience|He has much {} with horses.
forest|A path leads through the {}.
hospital|She works in a {}.
hundred|The wall is a {} years old.
kitchen|The {} smells of bread.
language|Which {} do you speak?
mountain|The {} is covered with snow.
pigeon|A {} sat on the roof.
pleasant|We had a {} evening.
potatoes|Please peel the {}.
professor|The {} wrote on the board.
safety|The helmet is for your {}.
school|The {} begins at eight.
sugar|I take {} in my tea.
umbrella|Take an {} with you.
welcome|You are always {} here.
wonderful|It was a {} day.
""")
)

CONTRACTIONS = _cells("""
do not/don't, does not/doesn't, did not/didn't, is not/isn't, are not/aren't, was not/wasn't,
were not/weren't, cannot/can't, could not/couldn't, will not/won't, would not/wouldn't,
should not/shouldn't, must not/mustn't, has not/hasn't, have not/haven't, had not/hadn't, I am/I'm,
you are/you're, we are/we're, they are/they're, he is/he's, she is/she's, it is/it's, I have/I've,
you have/you've, we have/we've, they have/they've, I will/I'll, you will/you'll, she will/she'll,
they will/they'll, that is/that's, there is/there's, let us/let's, who is/who's, what is/what's,
I would/I'd, you would/you'd, he would/he'd, we would/we'd, they would/they'd, he will/he'll,
we will/we'll, it will/it'll, where is/where's, how is/how's, here is/here's, need not/needn't,
who will/who'll, that will/that'll""")

# short form | long form | what it is
ACRONYMS = _rows("""
CPU|central processing unit|the part of a computer that carries out instructions
GPU|graphics processing unit|a chip made for drawing images and doing many sums at once
RAM|random access memory|the working memory of a computer
PDF|Portable Document Format|a kind of file for documents
URL|uniform resource locator|the address of a page on the web
WWW|World Wide Web|the system of linked pages on the internet
USB|Universal Serial Bus|a common way to connect devices to a computer
LED|light-emitting diode|a small part that gives light when current flows
GPS|Global Positioning System|a system of satellites that tells where something is
DNA|deoxyribonucleic acid|the molecule that carries the plan of a living thing
UN|United Nations|an organisation of nearly all countries
EU|European Union|a union of European countries
UK|United Kingdom|a country in Europe
USA|United States of America|a country in North America
NASA|National Aeronautics and Space Administration|the space agency of the United States
WHO|World Health Organization|the health agency of the United Nations
ATM|automated teller machine|a machine that gives out cash
PIN|personal identification number|a secret number for a card or phone
CEO|chief executive officer|the head of a company
FAQ|frequently asked questions|a list of common questions with answers
DIY|do it yourself|making or mending things without paying an expert
ASAP|as soon as possible|a way of asking for speed
RSVP|repondez s'il vous plait|a French request for a reply
BC|before Christ|a label for years before the year 1
AM|ante meridiem|the hours before noon
PM|post meridiem|the hours after noon
TV|television|a device that shows programmes
UFO|unidentified flying object|something in the sky that nobody can explain
HTML|HyperText Markup Language|the language in which web pages are written
SQL|Structured Query Language|a language for asking questions of databases
AI|artificial intelligence|the field of machines that do tasks needing thought
IT|information technology|the field of computers and data
ETA|estimated time of arrival|the time at which somebody should get there
ID|identification|a proof of who somebody is
GDP|gross domestic product|the value of all that a country produces in a year
NGO|non-governmental organisation|a group that is independent of any government
VIP|very important person|a guest who gets special treatment
BBC|British Broadcasting Corporation|a British radio and television company
SOS|a signal for help|the distress call used by ships
CD|compact disc|a disc that stores music or data
SMS|Short Message Service|the system for text messages on phones
OS|operating system|the software that runs a computer
PC|personal computer|a computer for one user
DVD|digital versatile disc|a disc that stores films or data
MRI|magnetic resonance imaging|a way to take pictures of the inside of the body
HIV|human immunodeficiency virus|a virus that weakens the body's defences
UV|ultraviolet|a kind of light that we cannot see
VAT|value added tax|a tax on goods and services
API|application programming interface|the way in which one program talks to another
BMI|body mass index|a rough measure of weight for height
CCTV|closed-circuit television|a system of cameras that watch a place
CV|curriculum vitae|a short account of somebody's schooling and work
DJ|disc jockey|a person who plays recorded music
FBI|Federal Bureau of Investigation|a police agency of the United States
GMT|Greenwich Mean Time|the time at Greenwich in London
HR|human resources|the department that looks after the staff
HTTP|HyperText Transfer Protocol|the rules by which web pages are sent
IQ|intelligence quotient|a number that is meant to measure intelligence
ISBN|International Standard Book Number|the number that identifies a book
ISS|International Space Station|a laboratory that circles the earth
LAN|local area network|a network of computers in one building
LCD|liquid crystal display|a kind of flat screen
MBA|Master of Business Administration|a degree for managers
MP|member of parliament|a person elected to make laws
NATO|North Atlantic Treaty Organization|a military alliance
PE|physical education|sport as a school subject
ROM|read-only memory|a kind of memory that cannot be changed
SUV|sport utility vehicle|a large car
VPN|virtual private network|a safe connection through the internet
WWF|World Wide Fund for Nature|a group that protects nature
""")
ACRONYMS = [row for row in ACRONYMS if row[0] not in {"SOS", "RSVP"}]

PARTS_OF_SPEECH = {
    "noun": _words("""table, river, happiness, teacher, city, freedom, garden, music, window, courage,
        bridge, mountain, kitchen, doctor, island, honesty, bottle, idea, village, engine, apple, animal,
        beauty, castle, chair, daughter, elephant, forest, friendship, guitar, hospital, kindness,
        ladder, lawyer, library, neighbour, newspaper, potato, patience, school, sister, student,
        truth, umbrella, wisdom"""),
    "verb": _words("""write, sing, think, bring, arrive, decide, swim, listen, build, carry, explain,
        forget, teach, throw, believe, choose, destroy, understand, admire, allow, arrange, borrow,
        complain, deliver, describe, discover, discuss, eat, enjoy, examine, forgive, hear, imagine,
        include, know, learn, obey, persuade, prepare, remember, sell, send, speak, suggest, take,
        tell, translate, vanish"""),
    "adjective": _words("""happy, tall, beautiful, heavy, clever, angry, wooden, famous,
        lazy, careful, huge, tiny, honest, useful, ancient, cheap, curious, dangerous, delicious,
        different, enormous, expensive, foolish, generous, great, healthy, hungry, important, lonely,
        lovely, nervous, noisy, polite, proud, rude, sad, selfish, strange, strong, tired, ugly, wise,
        young"""),
    "adverb": _words("""quickly, slowly, carefully, always, never, often, happily, loudly, quietly, soon,
        badly, gently, suddenly, seldom, bravely, easily, politely, very, almost, calmly, cheerfully,
        clearly, completely, eagerly, extremely, finally, honestly, immediately, merrily, nearly,
        neatly, nervously, patiently, perfectly, proudly, rarely, recently, rudely, sadly, seriously,
        silently, sometimes, strangely, usually, warmly, wisely"""),
    "preposition": _words(
        "between, into, of, from, with, at, during, against, among, onto, beside, towards, without"
    ),
    "conjunction": _words("and, but, or, because, although, unless, while, if"),
    "pronoun": _words("he, she, they, we, it, you, them, us, himself, everybody, who, someone"),
    "interjection": _words("ouch, hooray, oh, wow, alas, oops, hello, bravo"),
}

# informal | formal
FORMAL_PAIRS = _rows("""
Hey, what's up?|Good morning, how are you?
Send me the file.|Could you please send me the file?
I can't come.|I regret that I am unable to attend.
Thanks a lot!|Thank you very much for your help.
Gimme a minute.|Please allow me a moment.
That's wrong.|I am afraid that is not correct.
What do you want?|How may I help you?
Sorry I'm late.|Please accept my apologies for the delay.
Call me back.|I would be grateful if you could return my call.
I need this now.|I would appreciate receiving this at your earliest convenience.
The boss is mad.|The manager is displeased.
The kids are hungry.|The children are hungry.
He got fired.|He was dismissed from his post.
We messed up.|We made an error.
It's a big deal.|It is a matter of great importance.
I wanna go home.|I would like to go home.
Let me know.|Please inform me of your decision.
See you later!|I look forward to seeing you again.
The film was awesome.|The film was excellent.
She's really smart.|She is highly intelligent.
That's too bad.|I am sorry to hear that.
Wait here.|Please wait here for a moment.
Shut the door.|Would you kindly close the door?
I don't get it.|I am afraid I do not understand.
We'll fix it soon.|We shall resolve the matter shortly.
The food was gross.|The food was unpleasant.
He's broke.|He has no money at the moment.
They're loaded.|They are very wealthy.
I'm dead tired.|I am extremely tired.
Grab a seat.|Please take a seat.
Check this out.|Please have a look at this.
The meeting's off.|The meeting has been cancelled.
We're out of paper.|There is no paper left.
My car is busted.|My car is no longer working.
Can you give me a hand?|Could you please assist me?
I'm fed up with the noise.|I find the noise very disturbing.
The job's done.|The work has been completed.
She quit yesterday.|She resigned from her position yesterday.
Don't be late.|Kindly arrive on time.
How come you left?|May I ask why you left?
I guess so.|I believe that is the case.
No way!|I am afraid that is not possible.
It costs a ton.|It is very expensive.
Tell him I called.|Please let him know that I telephoned.
The guy over there is my uncle.|The gentleman over there is my uncle.
I'll pay you back.|I will repay you.
They got a new house.|They have purchased a new house.
We had a great time.|We enjoyed ourselves very much.
The show was a flop.|The performance was not a success.
I'm sick of waiting.|I have been waiting for a considerable time.
This place is a mess.|This room is rather untidy.
Can I ask you something?|May I ask you a question?
Stop talking.|Would you please be quiet?
He flunked the test.|He did not pass the examination.
She's hanging out with friends.|She is spending time with her friends.
Drop me a line.|Please write to me.
I bet it'll rain.|I expect that it will rain.
You guys did great.|You have all performed very well.
The phone's dead.|The telephone is not working.
We gotta leave.|We have to leave.
Hurry up!|Please be as quick as you can.
You're late.|I am afraid that you are late.
It's a bargain.|The price is very reasonable.
I loved your talk.|I enjoyed your lecture very much.
The boss said no.|The manager has declined the request.
Want some tea?|Would you care for some tea?
Where's the loo?|Could you please tell me where the toilet is?
I'm broke this month.|I have no money left this month.
Just sign here.|Please sign your name here.
My mate told me.|A friend of mine informed me.
Pop in tomorrow.|Please visit us tomorrow.
The bus was packed.|The bus was very crowded.
He's a nice guy.|He is a pleasant man.
She dumped the plan.|She abandoned the plan.
We need cash.|We require money.
It's not my fault.|I am not responsible for this.
The kid was scared.|The child was frightened.
They called off the match.|The match has been cancelled.
Can't find the keys.|I am unable to find the keys.
Say that again?|Could you please repeat that?
You can't smoke here.|Smoking is not permitted here.
Our team got beaten.|Our team was defeated.
The shop's shut.|The shop is closed.
Pick up the phone!|Please answer the telephone.
I messed up the order.|I made a mistake with the order.
""")

# sentence patterns for feelings; {x} is one of SENTIMENT_THINGS
SENTIMENT_THINGS = _words("""film, book, meal, concert, holiday, course, game, play, museum, show, lesson,
    journey, party, opera, trip, festival, performance, tour, lecture, picnic, evening, weekend""")
POSITIVE = _rows("""
I really enjoyed the {x}.
The {x} was wonderful from beginning to end.
What a delightful {x} that was!
The {x} was even better than I had hoped.
I would recommend the {x} to everyone.
We are very pleased with the {x}.
The {x} made me smile.
I loved every minute of the {x}.
The {x} was excellent value for the money.
Everybody was happy with the {x}.
The {x} was a pleasant surprise.
I cannot praise the {x} enough.
I would gladly see the {x} again.
Thank you for such a lovely {x}.
The {x} could not have been better.
Every part of the {x} was well prepared.
We laughed and smiled during the whole {x}.
The {x} deserves five stars.
""")
NEGATIVE = _rows("""
I did not enjoy the {x} at all.
The {x} was dreadful from beginning to end.
What a disappointing {x} that was!
The {x} was far worse than I had feared.
I would not recommend the {x} to anyone.
We are very unhappy with the {x}.
The {x} made me angry.
The {x} was a complete waste of time.
The {x} was not worth the money.
Everybody complained about the {x}.
The {x} was an unpleasant surprise.
I regret that I ever chose the {x}.
I hope that I never see the {x} again.
The {x} could hardly have been worse.
Nothing about the {x} was well prepared.
We were bored during the whole {x}.
The {x} does not deserve a single star.
I want my money back for the {x}.
""")
POSITIVE = [row[0] for row in POSITIVE]
NEGATIVE = [row[0] for row in NEGATIVE]

# thing | where it is found
PLACES = _rows("""
bread|a bakery
books|a library
medicines|a pharmacy
paintings|an art gallery
aeroplanes|an airport
trains|a railway station
ships|a harbour
wild animals from many lands|a zoo
patients|a hospital
pupils|a school
films|a cinema
plays|a theatre
meat|a butcher's shop
stamps|a post office
money|a bank
fish in tanks|an aquarium
cars under repair|a garage
fruit trees|an orchard
grapes|a vineyard
""")

# numbers worth knowing: thing | number
COUNTS = _rows("""
legs a spider has|eight
legs an insect has|six
days there are in a week|seven
months there are in a year|twelve
hours there are in a day|twenty-four
sides a triangle has|three
sides a square has|four
sides a hexagon has|six
sides a pentagon has|five
sides an octagon has|eight
letters there are in the English alphabet|twenty-six
planets there are in our solar system|eight
wheels a bicycle has|two
wheels a tricycle has|three
strings a violin has|four
players a football team has on the pitch|eleven
seasons there are in a year|four
continents there are|seven
minutes there are in an hour|sixty
seconds there are in a minute|sixty
fingers a hand has, counting the thumb|five
arms an octopus has|eight
years there are in a century|one hundred
years there are in a decade|ten
things there are in a dozen|twelve
colours there are in a rainbow|seven
chambers the human heart has|four
wings a butterfly has|four
faces a cube has|six
keys a full-sized piano has|eighty-eight
squares a chessboard has|sixty-four
""")
