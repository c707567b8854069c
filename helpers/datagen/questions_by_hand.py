"""Multiple-choice questions written one by one, for what no table of facts can ask.

A line is question | right option | three wrong ones of the same kind. The first five lines of a subject
are its dev questions, shown as solved examples; the others are asked.
"""
# ruff: noqa: E501 - each row of the table is one line

from __future__ import annotations

from .facts import _rows

BLOCKS = {
    "everyday_science": """
What do we call water that has become solid?|ice|steam|fog|dew
Which force pulls a falling apple to the ground?|gravity|friction|magnetism|wind
What do plants need from the sun in order to grow?|light|salt|sound|sand
Which of these is attracted by a magnet?|an iron nail|a wooden spoon|a glass cup|a rubber ball
What is measured with a thermometer?|temperature|weight|length|speed
At what temperature does water boil at sea level?|100 degrees Celsius|10 degrees Celsius|50 degrees Celsius|500 degrees Celsius
At what temperature does water freeze?|0 degrees Celsius|25 degrees Celsius|50 degrees Celsius|100 degrees Celsius
What do we call water in the form of a gas?|steam|ice|hail|mud
Which gas do people and animals need to breathe?|oxygen|helium|neon|chlorine
Which gas do plants take from the air to make food?|carbon dioxide|helium|argon|hydrogen
Which star gives the earth light and warmth?|the sun|the moon|Mars|Venus
What travels around the earth about once a month?|the moon|the sun|Jupiter|Saturn
Why does ice float on water?|It is less dense than water.|It is warmer than water.|It is heavier than water.|It is saltier than water.
What makes a shadow?|something that blocks the light|something that makes a sound|something that gives off heat|something that smells sweet
Which of these moves fastest?|light|sound|a jet plane|a racing car
Which of these lets electricity through best?|copper|wood|glass|rubber
What happens to most things when they are heated?|They get larger.|They get lighter in colour.|They disappear.|They become magnets.
Which instrument makes very small things look larger?|a microscope|a barometer|a compass|a clock
Which instrument is used to look at the stars?|a telescope|a thermometer|a stethoscope|a ruler
What does a compass needle point to?|the north|the sun|the nearest town|the sea
What do we call the path of a planet around the sun?|an orbit|a tunnel|a tide|an echo
What turns sunlight into electricity?|a solar panel|a candle|a water wheel|a bicycle
Which of these is a source of light?|a candle|a mirror|a window|the moon
What do we call a sound that comes back from a wall?|an echo|a shadow|a flash|a tide
What rusts when it is left in the rain?|iron|gold|glass|plastic
Which of these dissolves in water?|sugar|sand|stone|wax
What causes day and night?|the turning of the earth|the light of the moon|the clouds|the wind
What do we see first in a thunderstorm, before we hear the thunder?|lightning|a rainbow|the stars|frost
Which colour do we get by mixing blue and yellow paint?|green|red|brown|white
Which colour do we get by mixing red and yellow paint?|orange|green|blue|grey
What is a diamond made of?|carbon|iron|salt|sand
""",
    "geography": """
Which is the largest ocean?|the Pacific Ocean|the Atlantic Ocean|the Indian Ocean|the Arctic Ocean
On which continent is the Sahara?|Africa|Europe|South America|Oceania
Which country has the shape of a boot?|Italy|Norway|Poland|Ireland
Through which city does the river Thames flow?|London|Paris|Rome|Madrid
Which of these is a mountain?|Mount Everest|the Nile|the Sahara|the Pacific
Which is the highest mountain in the world?|Mount Everest|Mont Blanc|Mount Fuji|Kilimanjaro
Which is the largest continent?|Asia|Europe|Africa|Oceania
Which continent lies around the South Pole?|Antarctica|Africa|Europe|Asia
Through which city does the river Seine flow?|Paris|London|Vienna|Moscow
In which country do the pyramids of Giza stand?|Egypt|Greece|India|Peru
In which city does the Eiffel Tower stand?|Paris|Berlin|Rome|Lisbon
In which city does the Colosseum stand?|Rome|Athens|London|Cairo
In which country does the Great Wall stand?|China|Japan|India|Mexico
Which river flows through Egypt?|the Nile|the Danube|the Rhine|the Amazon
Which is the longest river in South America?|the Amazon|the Nile|the Volga|the Thames
Which ocean lies between Europe and North America?|the Atlantic Ocean|the Pacific Ocean|the Indian Ocean|the Southern Ocean
Which sea lies between Europe and Africa?|the Mediterranean Sea|the Baltic Sea|the North Sea|the Black Sea
Which mountains stand between France and Spain?|the Pyrenees|the Alps|the Andes|the Himalayas
Which mountains run along the west of South America?|the Andes|the Alps|the Urals|the Pyrenees
Which large desert lies in the north of Africa?|the Sahara|the Gobi|the Mojave|the Atacama
Which country is also a continent?|Australia|Brazil|Canada|India
Which of these countries is an island?|Iceland|Austria|Hungary|Mongolia
Which country lies north of the United States?|Canada|Mexico|Brazil|Cuba
Which country lies south of the United States?|Mexico|Canada|Norway|Japan
In which direction does the sun rise?|in the east|in the west|in the north|in the south
In which direction does the sun set?|in the west|in the east|in the north|in the south
What do we call the line around the middle of the earth?|the equator|the horizon|the border|the axis
What do we call land with water on all sides?|an island|a valley|a desert|a hill
What do we call a mountain from which lava flows?|a volcano|a glacier|a canyon|a dune
In which country is Mount Fuji?|Japan|Italy|Kenya|Chile
In which country do kangaroos live in the wild?|Australia|Germany|Egypt|Canada
""",
    "history_and_arts": """
Who wrote "Romeo and Juliet"?|William Shakespeare|Charles Dickens|Jane Austen|Mark Twain
What is a painter's picture of a person called?|a portrait|a landscape|a poem|a statue
Which instrument has black and white keys?|the piano|the violin|the drum|the flute
Who were the rulers of ancient Egypt?|the pharaohs|the knights|the samurai|the popes
What do we call a person who writes poems?|a poet|a sculptor|a singer|a dancer
Who painted the "Mona Lisa"?|Leonardo da Vinci|Vincent van Gogh|Pablo Picasso|Claude Monet
Who painted the "Sunflowers" and "The Starry Night"?|Vincent van Gogh|Leonardo da Vinci|Rembrandt|Michelangelo
Who wrote "Hamlet"?|William Shakespeare|Jane Austen|Victor Hugo|Mark Twain
Who wrote "Oliver Twist"?|Charles Dickens|William Shakespeare|Homer|Leo Tolstoy
Who wrote "Pride and Prejudice"?|Jane Austen|Charles Dickens|Mark Twain|Oscar Wilde
Who composed the "Moonlight Sonata"?|Ludwig van Beethoven|Giuseppe Verdi|Richard Wagner|Johann Strauss
Who composed "The Magic Flute"?|Wolfgang Amadeus Mozart|Ludwig van Beethoven|Frederic Chopin|Antonio Vivaldi
Who composed "The Four Seasons"?|Antonio Vivaldi|Richard Wagner|Franz Schubert|Johannes Brahms
Who was the first person to walk on the moon?|Neil Armstrong|Albert Einstein|Charles Darwin|Marco Polo
Who sailed to America in 1492?|Christopher Columbus|James Cook|Marco Polo|Napoleon
Who discovered penicillin?|Alexander Fleming|Isaac Newton|Marie Curie|Thomas Edison
Who is famous for the theory of relativity?|Albert Einstein|Charles Darwin|Louis Pasteur|Galileo Galilei
Who explained evolution by natural selection?|Charles Darwin|Isaac Newton|Albert Einstein|Christopher Columbus
Who was the first president of the United States?|George Washington|Abraham Lincoln|Thomas Jefferson|John F. Kennedy
In which year did the Second World War end?|1945|1918|1789|1969
In which year did people first land on the moon?|1969|1945|1912|1989
Which people built the Colosseum?|the Romans|the Vikings|the Aztecs|the Mongols
Which people sailed from the north in long ships?|the Vikings|the Romans|the Egyptians|the Aztecs
What did a knight wear in battle?|armour|a wig|a crown|pyjamas
Which of these was invented first?|the wheel|the telephone|the aeroplane|the computer
Who made the printing press with movable letters known in Europe?|Johannes Gutenberg|Isaac Newton|James Watt|Thomas Edison
Which instrument has strings and is played with a bow?|the violin|the trumpet|the piano|the drum
Which of these is played by blowing into it?|the flute|the guitar|the drum|the harp
Who leads an orchestra with a stick in the hand?|a conductor|a painter|a poet|a goalkeeper
In which building are plays performed?|a theatre|a bakery|a garage|a hospital
What is a carved figure of stone called?|a statue|a novel|a melody|a portrait
""",
    "body_and_health": """
Which part of the body do we see with?|the eyes|the ears|the nose|the hands
Which organ pumps the blood?|the heart|the brain|the stomach|the skin
What does a dentist look after?|teeth|eyes|feet|hair
How many fingers are there on one hand, with the thumb?|five|three|eight|ten
Which of these is a drink?|milk|bread|rice|cheese
Which part of the body do we hear with?|the ears|the eyes|the tongue|the knees
Which part of the body do we smell with?|the nose|the elbow|the hair|the ears
Which part of the body do we taste with?|the tongue|the nose|the eyes|the fingers
Which organ do we think with?|the brain|the heart|the liver|the lungs
Which organs do we breathe with?|the lungs|the kidneys|the muscles|the bones
Where does food go after it has been swallowed?|into the stomach|into the lungs|into the heart|into the brain
What covers the whole outside of the body?|skin|bone|blood|muscle
What is the hard frame inside the body called?|the skeleton|the skin|the stomach|the blood
What carries oxygen through the body?|blood|sweat|hair|nails
Which joint is in the middle of the leg?|the knee|the elbow|the wrist|the shoulder
Which joint is in the middle of the arm?|the elbow|the knee|the ankle|the hip
What joins the head to the body?|the neck|the wrist|the ankle|the thumb
What should you do before a meal?|wash your hands|go for a swim|put on a coat|brush your shoes
What should you do after a meal to keep your teeth healthy?|brush them|count them|warm them|dry them
What does the body need when it is thirsty?|water|salt|sleep|sunshine
What does the body do at night to rest?|sleep|run|eat|shout
Which of these is good for your health?|walking every day|smoking|eating only sweets|never sleeping
What does a doctor listen to with a stethoscope?|the heart|the hair|the teeth|the shoes
What teaches the body to fight a disease?|a vaccine|a bandage|a plaster|a spoon
Which of these shows that a person may have a fever?|a high temperature|a long nose|a loud voice|a new coat
Where do people go when they are badly injured?|to a hospital|to a library|to a cinema|to a bank
Which of these is a fruit that is good for you?|an apple|a cake|a biscuit|a sausage
Which of these protects the head of a cyclist?|a helmet|a scarf|a glove|a belt
Which sense do we use to notice that a stove is hot without looking at it?|touch|taste|sight|hearing
""",
    "nature": """
What do bees make?|honey|milk|silk|wool
Which animal has a trunk?|the elephant|the lion|the rabbit|the snake
What do caterpillars become?|butterflies|frogs|birds|mice
In which season do the leaves of many trees fall?|autumn|spring|summer|winter
What do cows eat?|grass|meat|fish|mice
Which animal has a very long neck?|the giraffe|the pig|the bear|the dog
Which animal carries its young in a pouch?|the kangaroo|the horse|the tiger|the goat
Which animal has black and white stripes?|the zebra|the lion|the elephant|the camel
Which animal has a hump on its back and lives in the desert?|the camel|the penguin|the whale|the frog
Which bird cannot fly?|the penguin|the eagle|the swallow|the owl
Which bird hunts at night?|the owl|the hen|the swan|the duck
Which animal builds dams of wood in rivers?|the beaver|the fox|the sheep|the bat
What does a spider spin to catch flies?|a web|a nest|a shell|a hole
What does a silkworm give us?|silk|wool|honey|leather
What do we get from sheep?|wool|silk|honey|eggs
What do we get from hens?|eggs|wool|milk|honey
What do frogs hatch from?|eggs|seeds|nuts|shells of snails
What does a tadpole grow into?|a frog|a fish|a snake|a bird
Which animal can change its colour?|the chameleon|the cow|the horse|the goose
Which is the largest animal in the sea?|the blue whale|the shark|the herring|the crab
Which is the largest animal on land?|the elephant|the horse|the wolf|the goat
Which is the fastest animal on land?|the cheetah|the tortoise|the cow|the snail
Where do fish live?|in water|in trees|in caves of ice|under the sand of deserts
What do fish breathe with?|gills|wings|feathers|fur
What grows on a bird's body?|feathers|scales|wool|leaves
What part of a plant is in the ground?|the root|the flower|the leaf|the fruit
What grows from an acorn?|an oak|a rose|a cactus|a birch
Which of these trees keeps its needles in winter?|the fir|the oak|the birch|the maple
In which season do many flowers begin to bloom?|spring|winter|late autumn|the dark months
What do squirrels store for the winter?|nuts|fish|feathers|stones
""",
    "home_and_technology": """
Where do you keep food cold?|in a refrigerator|in a bookcase|in an oven|in a wardrobe
What do you use to cut paper?|scissors|a spoon|a pillow|a comb
What do you use to open a locked door?|a key|a candle|a fork|a map
Which machine washes clothes?|a washing machine|a toaster|a radio|a printer
What do you use to unlock a computer account?|a password|a screwdriver|a recipe|a ticket
What do you use to eat soup?|a spoon|a knife|a hammer|a brush
What do you use to drive in a nail?|a hammer|a sponge|a pencil|a spoon
What do you use to stay dry in the rain?|an umbrella|a candle|a hammock|a mirror
What do you use to see yourself?|a mirror|a carpet|a curtain|a bucket
Which of these tells the time?|a clock|a scale|a lamp|a kettle
In which room is food cooked?|the kitchen|the bedroom|the garage|the cellar
On what do people sleep?|a bed|a shelf|a ladder|a stove
In what do you boil water for tea?|a kettle|a basket|a vase|a drawer
With what do you sew on a button?|a needle and thread|a hammer and nail|a pen and paper|a knife and fork
Which device prints what is on the screen?|a printer|a microphone|a loudspeaker|a mouse
On which device do you type?|a keyboard|a screen|a camera|a loudspeaker
Which device takes photographs?|a camera|a fan|a radio|a scale
What stores electricity in a torch?|a battery|a wick|a magnet|a spring
What do the brakes of a car do?|They slow it down.|They make it faster.|They clean the windows.|They play music.
Which of these has two wheels?|a bicycle|a lorry|a train|a sledge
Which of these flies?|a helicopter|a submarine|a tram|a tractor
Which of these travels under water?|a submarine|a glider|a bus|a scooter
Which of these runs on rails?|a train|a ship|a car|a bicycle
What does a red traffic light tell a driver?|to stop|to turn left|to go faster|to park
Where do you borrow books?|in a library|in a pharmacy|in a bakery|in a bank
Where do you buy medicine?|in a pharmacy|in a museum|in a library|in a church
Where do you catch an aeroplane?|at an airport|at a harbour|at a bus stop|at a market
What is bread made from?|flour|sand|wool|leaves
What is cheese made from?|milk|wheat|apples|eggs
What is paper mostly made from?|wood|glass|iron|stone
Of what are windows usually made?|glass|wool|paper|rubber
""",
}


def by_hand() -> dict[str, list[tuple[str, ...]]]:
    """subject → rows of question, right option and three wrong ones, dev questions first."""
    return {subject: _rows(text) for subject, text in BLOCKS.items()}
