"""Common English words that mean nearly the same, and pairs that mean the opposite.

Typed by hand, for the reference judge: a line of SAME is a group of words that can often stand for
one another (a word may be in several), a pair of OPPOSITE turns a statement round. Everyday words
only; what is missing here counts as another word.
"""

from __future__ import annotations

SAME = """
big large huge great enormous vast giant gigantic immense massive
small little tiny minute miniature slight
quick fast rapid swift speedy
slow sluggish unhurried
happy glad joyful cheerful pleased delighted content merry
sad unhappy sorrowful gloomy miserable upset depressed
angry mad furious cross annoyed irritated enraged displeased
afraid scared frightened fearful terrified
brave courageous bold fearless daring heroic
clever smart intelligent bright wise
stupid foolish silly dumb unwise
good fine excellent great superb nice wonderful
bad poor awful terrible dreadful horrible
beautiful pretty lovely attractive gorgeous handsome stunning
ugly unattractive hideous
old ancient aged elderly antique
new modern recent current contemporary fresh
young youthful juvenile
rich wealthy affluent prosperous
poor needy penniless impoverished
strong powerful sturdy robust tough mighty
weak feeble frail fragile
hard difficult tough challenging tricky demanding
easy simple effortless straightforward
cold chilly cool freezing icy frosty
hot warm heated boiling scorching
loud noisy
quiet silent calm still hushed noiseless soundless peaceful
boring dull tedious dreary uninteresting monotonous
interesting fascinating engaging intriguing exciting
expensive costly dear pricey
cheap inexpensive affordable
stingy mean miserly ungenerous greedy tightfisted
generous giving charitable
kind friendly nice caring gentle warm considerate
cruel unkind mean harsh nasty brutal
honest truthful sincere frank
dishonest lying deceitful untruthful insincere
lazy idle inactive
busy occupied active
tired weary exhausted sleepy fatigued
healthy well fit
ill sick unwell ailing
clean spotless tidy neat
dirty filthy messy untidy muddy
wet damp moist soaked
dry arid
full filled packed crammed
empty vacant bare
important significant essential vital crucial key necessary major needed
enough sufficient adequate ample
many numerous several lots plenty
few little scarce
famous well-known renowned celebrated popular
strange odd weird unusual peculiar curious
normal usual ordinary common typical regular
right correct true accurate proper
wrong incorrect false inaccurate mistaken
safe secure protected
dangerous risky unsafe hazardous perilous
polite courteous respectful civil
rude impolite disrespectful
careful cautious
careless reckless
stubborn obstinate
shy timid bashful
proud arrogant
dark dim gloomy shadowy
bright shining shiny luminous brilliant sunny
begin start commence
end finish stop conclude cease complete
buy purchase acquire get obtain
sell trade
get receive obtain gain acquire
give provide offer supply present donate hand
take grab seize
help assist aid support
allow enable let permit
forbid ban prohibit prevent
show display demonstrate reveal present exhibit indicate
hide conceal
see notice observe spot view watch look
look gaze stare glance
say tell state speak mention remark
ask inquire enquire question request
answer reply respond response
think believe consider suppose find feel
know understand realise realize
learn study
teach educate instruct
like enjoy love
dislike hate detest
want wish desire
need require
make create produce build construct form generate
break smash shatter crack
fix repair mend correct restore
destroy ruin wreck demolish
change alter modify transform convert vary
improve better enhance
increase grow rise raise expand
decrease reduce lower lessen shrink cut decline diminish
keep hold retain preserve store
lose misplace
throw toss hurl fling
carry bear transport bring move
send mail forward deliver
walk stroll wander march
run race sprint dash jog
go travel move leave
leave depart exit
arrive reach come
return come-back
jump leap hop bounce
fall drop tumble
sit rest
sleep slumber nap doze rest
eat consume devour dine
drink sip
cook prepare bake
work labour job
play perform
win triumph succeed
fail lose
fight battle struggle
try attempt
use employ utilise utilize apply
choose pick select
collect gather assemble
join connect link unite combine attach
divide split separate share
describe portray depict explain
explain clarify
remember recall memory memories
forget overlook
happen occur
shout yell scream cry
laugh giggle chuckle
cry weep sob
close shut
open unlock
surprised amazed astonished astounded shocked
mistake error fault slip
boss manager supervisor chief employer head
worker employee staff
doctor physician
teacher instructor tutor
child kid youngster children
baby infant
man gentleman
woman lady
friend companion pal mate
enemy foe opponent
house home building dwelling residence
street road avenue
car automobile vehicle
picture image photo painting
movie film
shop store market
job work occupation profession career
money cash currency funds
price cost charge amount fee
gift present
trip journey voyage tour travel
idea thought notion concept
answer solution
problem issue trouble difficulty
story tale
sea ocean
forest woods woodland
stone rock
hill mount mountain
rain shower drizzle
garbage rubbish trash waste
fall autumn
holiday vacation
food meal
dinner supper meal
part piece section portion
place location spot site
kind type sort
group set
goal aim purpose
way method manner means
place spot location area
danger risk threat
trouble difficulty
luck fortune
rule law
author writer
student pupil learner
plane aeroplane airplane aircraft
people persons humans folk
quickly fast rapidly swiftly promptly soon
often frequently regularly
seldom rarely
always constantly
maybe perhaps possibly
very extremely highly really greatly exceptionally
almost nearly practically
also too additionally
because since as due
but although though however yet
about approximately around roughly
soon shortly
secret confidential
lucky fortunate
quarrel argue argument dispute disagree
illness disease sickness
chance opportunity possibility
traffic cars congestion
pollution emissions smog
bin trashcan
happiness joy delight
fear terror fright
anger rage fury
beginning start
tired exhausted
sunset dusk
sunrise dawn
grave tomb
tap faucet
leak leaking drip dripping
sure certain confident
unsure uncertain
apologise apologize sorry regret
immediately instantly once asap
please kindly
wonderful amazing fantastic marvellous marvelous great
delicious tasty
hungry starving
thirsty parched
pleasant enjoyable nice
unpleasant nasty
grow develop
earth world globe
odd-one-out outlier
contain hold include
goodbye farewell
thankful grateful
comfortable cosy cozy
lively energetic
"""

OPPOSITE = """
big small, large small, large tiny, huge tiny, long short, tall short, high low, wide narrow
deep shallow, thick thin, heavy light, fast slow, quick slow, early late, old new, old young
ancient modern, hot cold, warm cool, warm cold, wet dry, hard soft, hard easy, difficult easy
good bad, better worse, best worst, rich poor, strong weak, happy sad, pleased displeased
clean dirty, full empty, light dark, bright dark, loud quiet, noisy quiet, loud silent
expensive cheap, costly cheap, near far, open close, same different, right wrong, true false
correct incorrect, safe dangerous, brave cowardly, kind cruel, polite rude, honest dishonest
lazy hardworking, healthy ill, alive dead, boring exciting, boring interesting, dull exciting
generous stingy, beautiful ugly, rough smooth, sharp blunt, sweet bitter, sour sweet
simple complex, public private, positive negative, possible impossible, legal illegal
careful careless, useful useless, visible invisible, more less, more fewer, most least, many few
much little, up down, above below, over under, before after, inside outside, first last
left right, north south, east west, always never, often rarely, often seldom, everybody nobody
everything nothing, win lose, begin end, start stop, start finish, start end, increase decrease
rise fall, raise lower, grow shrink, improve worsen, like dislike, like hate, love hate
accept refuse, accept reject, agree disagree, remember forget, find lose, give take, buy sell
lend borrow, push pull, arrive leave, arrive depart, come go, enter leave, build destroy
create destroy, help hinder, allow forbid, allow prevent, include exclude, add subtract
add remove, multiply divide, times divide, laugh cry, sit stand, sleep wake, live die
succeed fail, pass fail, attack defend, save waste, save spend, hide show, freeze melt
freeze boil, heat cool, absorb release, inhale exhale, float sink, male female, friend enemy
day night, summer winter, morning evening, success failure, victory defeat, advantage disadvantage
question statement, strength weakness, plus minus, maximum minimum, top bottom, front back
import export, present absent, present past, future past, ascend descend, tighten loosen
lengthen shorten, expand contract, lock unlock, tie untie, war peace, awake asleep, busy idle
calm nervous, proud ashamed, guilty innocent, common rare, wild tame, raw cooked
natural artificial, ancient new, formal informal, major minor, active passive, singular plural
acid alkali, odd even, yes no, odd normal, lucky unlucky, fair unfair, known unknown, able unable
"""


def _groups() -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for number, line in enumerate(SAME.strip().splitlines()):
        for word in line.split():
            found.setdefault(word, set()).add(number)
    return {word: frozenset(numbers) for word, numbers in found.items()}


def _opposites() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for pair in OPPOSITE.strip().replace("\n", ", ").split(", "):
        one, other = pair.split()
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {word: frozenset(others) for word, others in found.items()}


GROUPS = _groups()
OPPOSITES = _opposites()
