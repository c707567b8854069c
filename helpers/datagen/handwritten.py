"""Instruction rows written one by one, for the tasks that no table can make.

Each block belongs to one family; a line is instruction | output, or instruction | input | output.
The style of a row is read off its wording. The first blocks ask for something that is so, and their
outputs are full sentences that `prose` can state (`STATED`); the last ones are open: no reference
answer can be the only good one.
"""
# ruff: noqa: E501 - each row of the table is one line

from .facts import _rows

BLOCKS = {
    "why": """
Why is the sky blue?|The sky looks blue because air scatters blue sunlight more strongly than red sunlight.
Why do leaves turn yellow in autumn?|Leaves turn yellow because they lose their green pigment and other colours become visible.
Why does ice float on water?|Ice floats because it is less dense than liquid water.
Explain why we have day and night.|We have day and night because the earth turns around its axis once every day.
Why do we have seasons?|We have seasons because the axis of the earth is tilted as it travels around the sun.
Explain why the sea is salty.|The sea is salty because rivers carry small amounts of salt from rocks into it.
Why do birds fly south in winter?|Many birds fly south in winter because they find more food and warmer weather there.
Why do bees visit flowers?|Bees visit flowers to collect nectar and pollen.
Why do cats purr?|Cats often purr when they feel content, though some also purr to calm themselves.
Why do we sleep?|We sleep so that the body can recover and the brain can store what it has learned.
Explain why people sweat.|People sweat because the drops cool the skin as they evaporate.
Why do onions make us cry?|Onions make us cry because they release a gas that irritates the eyes when they are cut.
Why does bread rise?|Bread rises because yeast produces gas bubbles in the dough.
Why does the moon shine?|The moon shines because it reflects the light of the sun.
Explain why metal feels colder than wood.|Metal feels colder because it carries heat away from the hand faster than wood does.
Why do we see lightning before we hear thunder?|We see lightning before we hear thunder because light travels much faster than sound.
Why should you brush your teeth?|Brushing your teeth removes food and bacteria that cause decay.
Why do plants need sunlight?|Plants need sunlight to make their own food.
Explain why trees are important.|Trees are important because they give oxygen, shade and a home to many animals.
Why do ships float?|A ship floats because the water it pushes aside weighs as much as the ship.
Why is exercise good for the heart?|Exercise makes the heart muscle stronger, so it can pump blood with less effort.
Why do some animals hibernate?|Some animals hibernate to save energy when food is scarce in winter.
Why do people shiver?|People shiver because moving muscles warm the body.
Why are arrows painted on the road before a bend?|Arrows on the road before a bend warn drivers that the direction changes.
Please explain why salt is put on icy roads.|Salt is put on icy roads because it lowers the freezing point of water and melts the ice.
Why do spiders spin webs?|Most spiders spin webs to catch insects for food.
Why does a balloon rise when it is filled with helium?|A balloon filled with helium rises because helium is lighter than the air around it.
Why do we blink?|We blink to keep our eyes moist and free of dust.
Could you explain why deserts are cold at night?|Deserts are cold at night because dry, clear air holds little heat.
Why does wood burn better when it is dry?|Dry wood burns better because no energy is lost in boiling off water.
Why do we wear seat belts?|We wear seat belts because they protect us if the car stops suddenly.
Why do dogs pant?|Dogs pant to cool themselves, since they hardly sweat.
Why are polar bears white?|Polar bears are white because white fur is hard to see in the snow.
Why do mirrors steam up in the bathroom?|Mirrors steam up because warm, moist air forms tiny drops of water on the cold glass.
Why do clocks in different countries show different times?|Clocks in different countries show different times because the sun rises at different moments around the world.
""",
    "difference": """
What is the difference between a lake and a river?|A lake is still water surrounded by land, while a river flows towards another body of water.
What is the difference between weather and climate?|Weather is what happens in the air today, while climate is the usual weather of a place over many years.
Explain the difference between a village and a city.|A village has few houses and people, while a city is large and has many of both.
What is the difference between a novel and a short story?|A novel is long and often has many characters, while a short story can be read in one sitting.
How does a moth differ from a butterfly?|A moth usually flies at night and rests with its wings flat, while a butterfly flies by day.
What is the difference between borrow and lend?|To borrow is to take something for a while, and to lend is to give something for a while.
Explain the difference between a fruit and a vegetable.|A fruit holds the seeds of a plant, while a vegetable is another part such as the root, stem or leaf.
What is the difference between a frog and a toad?|A frog has smooth, moist skin and long legs, while a toad has dry, bumpy skin and short legs.
Please explain the difference between hear and listen.|To hear is to notice a sound, while to listen is to pay attention to it.
What is the difference between a simile and a metaphor?|A simile compares with "like" or "as", while a metaphor says that one thing is another.
How is a crocodile different from an alligator?|A crocodile has a narrow, V-shaped snout, while an alligator has a broad, rounded one.
What is the difference between a comet and a planet?|A comet is a small body of ice and dust, while a planet is a large round body that orbits a star.
Explain the difference between a synonym and an antonym.|A synonym means nearly the same as a word, while an antonym means the opposite.
What is the difference between a solid and a liquid?|A solid keeps its shape, while a liquid takes the shape of its container.
What is the difference between speed and distance?|Distance is how far something travels, and speed is how far it travels in a given time.
Could you explain the difference between a city and a capital?|Any large town is a city, but a capital is the city where the government sits.
What is the difference between a bus and a tram?|A bus drives on ordinary roads, while a tram runs on rails.
What is the difference between a herb and a spice?|A herb comes from the green leaves of a plant, while a spice comes from its seeds, bark or root.
How does a violin differ from a cello?|A violin is small and held under the chin, while a cello is large and stands on the floor.
What is the difference between its and it's?|"Its" shows that something belongs to it, while "it's" is short for "it is" or "it has".
Name the difference between a hare and a rabbit.|A hare is larger with longer ears and lives above ground, while most rabbits live in burrows.
What is the difference between an island and a continent?|An island is land surrounded by water, while a continent is one of the great land masses of the earth.
What is the difference between a hobby and a job?|A hobby is done for pleasure, while a job is done to earn money.
What is the difference between a star and a planet?|A star makes its own light, while a planet only reflects the light of a star.
What is the difference between less and fewer?|We use "fewer" for things we can count and "less" for things we cannot count.
""",
    "general-knowledge": """
What is photosynthesis?|Photosynthesis is the process by which plants make food from sunlight, water and carbon dioxide.
What is gravity?|Gravity is the force that pulls objects towards each other and keeps us on the ground.
What is a noun?|A noun is a word that names a person, place, thing or idea.
What is a haiku?|A haiku is a short Japanese poem, usually written in three lines of five, seven and five syllables.
What is evaporation?|Evaporation is the change of a liquid into a gas.
What is democracy?|Democracy is a form of government in which the people choose their leaders.
What is recycling?|Recycling means turning waste into material that can be used again.
What is a food chain?|A food chain shows which living thing is eaten by which.
What is the equator?|The equator is an imaginary line around the middle of the earth.
What is an ecosystem?|An ecosystem is a community of living things together with the place they live in.
What is inflation?|Inflation is a general rise in prices over time.
What is a rhyme?|A rhyme is the repetition of the same ending sound in two words.
What is the purpose of a stop sign?|A stop sign tells drivers that they must stop before going on.
What is a habit?|A habit is something one does regularly, often without thinking.
Please explain what a metaphor is.|A metaphor describes one thing as if it were another, as in "time is money".
What is friction?|Friction is the force that slows down things that rub against each other.
What is the internet?|The internet is a worldwide network that connects computers.
What is a computer program?|A computer program is a list of instructions that a computer follows.
What is a fable?|A fable is a short story, often with animals, that teaches a lesson.
What is the water cycle?|The water cycle is the path of water from the sea to the clouds and back again as rain.
What is a hypothesis?|A hypothesis is an idea that explains something and can be tested.
What is the boiling point of water?|At sea level, water boils at 100 degrees Celsius.
What is the freezing point of water?|Water freezes at 0 degrees Celsius.
What is the largest ocean on earth?|The Pacific Ocean is the largest ocean on earth.
What is the largest planet in our solar system?|Jupiter is the largest planet in our solar system.
What is the tallest animal on land?|The giraffe is the tallest animal on land.
What is the highest mountain on earth?|Mount Everest is the highest mountain above sea level.
What is the fastest land animal?|The cheetah is the fastest land animal.
What is the largest animal in the world?|The blue whale is the largest animal in the world.
Where does the sun rise?|The sun rises in the east.
Where do penguins live in the wild?|Nearly all wild penguins live in the southern half of the world.
When do people usually eat breakfast?|People usually eat breakfast in the morning.
Who repairs a broken pipe?|A plumber repairs a broken pipe.
Where is milk kept fresh?|Milk is kept fresh in the refrigerator.
What do cows eat?|Cows mainly eat grass and hay.
What is cheese made from?|Cheese is made from milk.
What is wine made from?|Wine is made from grapes.
What do we use an umbrella for?|We use an umbrella to stay dry in the rain.
What do we use scissors for?|We use scissors to cut paper or cloth.
Which sense do we use to smell?|We use the nose to smell.
When does a leap year come?|A leap year usually comes every four years.
How long does the earth take to travel around the sun?|The earth takes about 365 days to travel around the sun.
Which gas do plants take in from the air?|Plants take in carbon dioxide.
Which organ pumps blood through the body?|The heart pumps blood through the body.
What do caterpillars turn into?|Caterpillars turn into butterflies or moths.
Which metal is liquid at room temperature?|Mercury is liquid at room temperature.
What is the main ingredient of bread?|The main ingredient of bread is flour.
What colour do blue and yellow make together?|Blue and yellow paint make green.
What colour do you get when you mix red and white paint?|Red and white paint make pink.
Mixing red and yellow paint gives which colour?|Red and yellow paint make orange.
In which direction does a compass needle point?|A compass needle points towards the north.
Which animal is the largest on land?|The African elephant is the largest animal on land.
Which bird is the largest in the world?|The ostrich is the largest bird in the world.
Which planet is closest to the sun?|Mercury is the planet closest to the sun.
Which planet is known for its bright rings?|Saturn is known for its bright rings.
Which planet is called the red planet?|Mars is called the red planet.
Which is the largest continent?|Asia is the largest continent.
Which is the smallest of the seven continents?|Australia is the smallest of the seven continents.
What is the largest organ of the human body?|The skin is the largest organ of the human body.
Which bone is the longest in the human body?|The thigh bone is the longest bone in the human body.
Which gas makes up most of the air?|Nitrogen makes up most of the air.
Which gas do we need to breathe?|We need oxygen to breathe.
What is the hardest natural mineral?|Diamond is the hardest natural mineral.
What is chocolate made from?|Chocolate is made from cocoa beans.
What is glass made from?|Glass is made from melted sand.
What is a raisin?|A raisin is a dried grape.
What does a botanist study?|A botanist studies plants.
Which instrument measures earthquakes?|A seismograph measures earthquakes.
Which instrument is used to look at the stars?|A telescope is used to look at the stars.
Who wrote the play "Hamlet"?|William Shakespeare wrote the play "Hamlet".
Who painted the "Mona Lisa"?|Leonardo da Vinci painted the "Mona Lisa".
Who composed the "Moonlight" sonata?|Ludwig van Beethoven composed the "Moonlight" sonata.
Who wrote "Oliver Twist"?|Charles Dickens wrote "Oliver Twist".
Who wrote "Pride and Prejudice"?|Jane Austen wrote "Pride and Prejudice".
Who was the first person to walk on the moon?|Neil Armstrong was the first person to walk on the moon.
Name the scientist who developed the theory of relativity.|Albert Einstein developed the theory of relativity.
Name the author of "Alice's Adventures in Wonderland".|Lewis Carroll is the author of "Alice's Adventures in Wonderland".
In which country do the pyramids of Giza stand?|The pyramids of Giza stand in Egypt.
In which city is the Eiffel Tower?|The Eiffel Tower is in Paris.
Which river flows through London?|The River Thames flows through London.
Which river flows through Paris?|The Seine flows through Paris.
Which ocean lies between Europe and America?|The Atlantic Ocean lies between Europe and America.
What do we call frozen water?|Frozen water is called ice.
What do we call water in the form of a gas?|Water in the form of a gas is called steam or water vapour.
What do herbivores eat?|Herbivores eat plants.
Which animal is known for changing its colour?|The chameleon is known for changing its colour.
Which insect makes honey?|The bee makes honey.
Which animal produces wool?|The sheep produces wool.
Where do kangaroos live in the wild?|Kangaroos live in the wild in Australia.
Where do polar bears live?|Polar bears live in the Arctic.
How many days does a leap year have?|A leap year has 366 days.
How many players are in a volleyball team on the court?|A volleyball team has six players on the court.
Which season follows winter?|Spring follows winter.
Which colour is at the top of a traffic light?|Red is at the top of a traffic light.
Which vitamin does sunlight help the body to make?|Sunlight helps the body to make vitamin D.
Tell me which language has the most native speakers.|Mandarin Chinese has the most native speakers.
""",
    "idiom": """
What does the idiom "a piece of cake" mean?|The idiom "a piece of cake" means that something is very easy.
What does "to break the ice" mean?|"To break the ice" means to make people feel at ease when they first meet.
Explain the idiom "under the weather".|The idiom "under the weather" means feeling a little ill.
What does the expression "once in a blue moon" mean?|"Once in a blue moon" means very rarely.
Explain the proverb "The early bird catches the worm".|The proverb "The early bird catches the worm" means that people who start early have the best chances.
What does the proverb "Look before you leap" advise?|"Look before you leap" means that we should think before we act.
Explain what "to cost an arm and a leg" means.|"To cost an arm and a leg" means to be very expensive.
What does "to spill the beans" mean?|"To spill the beans" means to tell a secret.
Could you explain the saying "Too many cooks spoil the broth"?|"Too many cooks spoil the broth" means that a task goes wrong when too many people try to lead it.
What does "to be in the same boat" mean?|"To be in the same boat" means to share the same difficult situation.
Explain the saying "Every cloud has a silver lining".|"Every cloud has a silver lining" means that something good can be found in every bad situation.
What does it mean to burn the midnight oil?|"To burn the midnight oil" means to work or study late into the night.
Explain "to turn over a new leaf".|"To turn over a new leaf" means to begin again and behave better.
What does "to keep an eye on something" mean?|"To keep an eye on something" means to watch something carefully.
What does "to have butterflies in your stomach" mean?|"To have butterflies in your stomach" means to feel nervous.
What does "to hit the nail on the head" mean?|"To hit the nail on the head" means to say exactly the right thing.
Explain the idiom "to let the cat out of the bag".|"To let the cat out of the bag" means to reveal a secret by mistake.
What is meant by "to pull someone's leg"?|"To pull someone's leg" means to tease someone in a friendly way.
What does "to bite the bullet" mean?|"To bite the bullet" means to do something unpleasant that cannot be avoided.
Explain "to sit on the fence".|"To sit on the fence" means not to choose between two sides.
What does the idiom "a storm in a teacup" mean?|The idiom "a storm in a teacup" means great excitement about something unimportant.
What does "to kill two birds with one stone" mean?|"To kill two birds with one stone" means to reach two goals with one action.
Please explain the phrase "out of the blue".|The phrase "out of the blue" means quite unexpectedly.
What does "to call it a day" mean?|"To call it a day" means to stop working for the day.
Explain the idiom "the last straw".|The idiom "the last straw" means the final small problem that makes a situation unbearable.
What does "to see eye to eye" mean?|"To see eye to eye" means to agree completely.
What does "to give someone the cold shoulder" mean?|"To give someone the cold shoulder" means to be unfriendly to someone on purpose.
What does "to get cold feet" mean?|"To get cold feet" means to lose courage shortly before doing something.
Explain the idiom "a wolf in sheep's clothing".|The idiom "a wolf in sheep's clothing" means a dangerous person who seems harmless.
Could you explain what "to be all ears" means?|"To be all ears" means to listen with great attention.
""",
    "how-to": """
How do you make tea?|To make tea, boil water, pour it over the leaves and wait a few minutes.
Explain how to boil an egg.|To boil an egg, put it into boiling water for about eight minutes and then cool it under cold water.
How do you plant a seed?|To plant a seed, push it into moist soil, cover it and keep it warm and watered.
Explain in one sentence how to tie a knot.|To tie a knot, cross the two ends, pass one under the other and pull tight.
How do I wash a woollen jumper?|To wash a woollen jumper, use cool water and mild soap and dry it flat.
How do you find north without a compass?|To find north without a compass, look at your shadow at noon: in Europe it points roughly north.
Explain how to make a sandwich.|To make a sandwich, put cheese and salad on a slice of bread and lay a second slice on top.
How do you greet someone politely in a letter?|To greet someone politely in a letter, begin with "Dear" and the person's name.
How can you tell how old a felled tree is?|To tell the age of a felled tree, count the rings in the trunk, because each ring stands for one year.
Please explain how to make ice cubes.|To make ice cubes, fill a tray with water and leave it in the freezer overnight.
How do you clean a window?|To clean a window, wipe it with soapy water and dry it with a soft cloth.
How do you look up a word in a dictionary?|To look up a word in a dictionary, find its first letter and then follow the alphabet to the next letters.
Explain how to cross a street safely.|To cross a street safely, look both ways and wait until no car is coming.
How do you measure a room?|To measure a room, hold a tape measure along each wall and write down the lengths.
How does a thermometer work?|In a thermometer the liquid expands as it grows warmer and rises in the tube.
How does a sailing boat move?|A sailing boat moves because the wind pushes against its sails.
How is paper made?|Paper is made from wood that is ground to a wet pulp, pressed into thin sheets and dried.
How is butter made?|Butter is made by beating cream until the fat sticks together.
How is honey made?|Honey is made by bees, which gather nectar from flowers and thicken it in the hive.
How do fish breathe?|Fish breathe by taking oxygen out of the water with their gills.
How does a caterpillar become a butterfly?|A caterpillar becomes a butterfly by changing inside a case and coming out with wings.
How does rain form?|Rain forms when water vapour cools in the clouds and turns into heavy drops.
""",
    "examples": """
Give three examples of renewable energy.|Three examples of renewable energy are solar power, wind power and water power.
Name three things you can find in a kitchen.|You can find a stove, a sink and a cupboard in a kitchen.
List three ways to travel from one city to another.|You can travel by train, by bus or by car.
Name three things that are made of glass.|Windows, bottles and mirrors are made of glass.
List three animals that can fly.|An eagle, a bat and a butterfly can fly.
Name three animals that live in the sea.|The whale, the shark and the octopus live in the sea.
Give three examples of board or card games.|Three examples are chess, draughts and bridge.
Name three things people take to the beach.|People take a towel, a swimsuit and sun cream to the beach.
List three things that need electricity.|A lamp, a computer and a refrigerator need electricity.
Please name three kinds of bread.|Three kinds of bread are rye bread, white bread and flatbread.
List three things you need to write a letter.|You need paper, a pen and an envelope.
Name three sources of light.|The sun, a candle and a lamp are sources of light.
Give three reasons to read books.|Books teach us new things, train the imagination and help us relax.
Name three jobs that are done outdoors.|Farmers, gardeners and builders work outdoors.
List three words that describe a good friend.|loyal, kind, honest
List three things that are cold.|ice, snow, frost
Name three things that have wheels.|A car, a bicycle and a pram have wheels.
Give three examples of things that melt.|Butter, chocolate and ice melt.
Name three things a baker needs.|A baker needs flour, water and an oven.
Can you name three things that live in a forest?|Deer, foxes and owls live in a forest.
List three polite words or phrases.|please, thank you, excuse me
Name three things that grow underground.|Potatoes, carrots and onions grow underground.
List three things you can do on a rainy day.|You can read a book, bake a cake or play a board game.
Name three parts of a tree.|The trunk, the branches and the roots are parts of a tree.
List three parts of a bicycle.|saddle, pedals, handlebars
Give three examples of good manners at the table.|Chewing with a closed mouth, saying thank you and waiting for others are good manners.
Name three round objects.|A ball, a coin and a wheel are round.
List three musical styles.|Three musical styles are jazz, rock and folk.
Give three ways to save water at home.|Take short showers, turn off the tap while brushing your teeth and mend dripping taps.
Name three things that smell good.|Fresh bread, roses and coffee smell good.
""",
    "put-in-order": """
Put the steps in the right order.|Eat the toast. Put the bread into the toaster. Spread butter on the toast.|Put the bread into the toaster. Spread butter on the toast. Eat the toast.
Put these stages of life in order.|adult, baby, teenager, child|baby, child, teenager, adult
Order the units from shortest to longest.|hour, second, day, minute|second, minute, hour, day
Order these from smallest to largest.|city, continent, village, country|village, city, country, continent
Put the meals in the order of the day.|dinner, breakfast, lunch|breakfast, lunch, dinner
Put the words in order to make a sentence.|the / sleeps / cat / sofa / on / the|The cat sleeps on the sofa.
Make a sentence from these words.|school / walk / we / to|We walk to school.
Make a sentence from the jumbled words.|letter / yesterday / wrote / Anna / a|Anna wrote a letter yesterday.
Arrange the animals from smallest to largest.|horse, ant, elephant, cat|ant, cat, horse, elephant
Please order these lengths from shortest to longest.|kilometre, millimetre, metre, centimetre|millimetre, centimetre, metre, kilometre
Put the steps in the right order.|Dry your hands. Rinse off the soap. Rub soap on your hands.|Rub soap on your hands. Rinse off the soap. Dry your hands.
Make a question from these words.|you / are / where / going|Where are you going?
""",
    "paraphrase": """
Rewrite the sentence in other words.|The meeting was postponed because of the storm.|Because of the storm, the meeting was moved to a later date.
Say this in other words.|She rarely eats meat.|She does not often eat meat.
Paraphrase the sentence.|He was the only one who passed the test.|Nobody passed the test except him.
Rewrite the sentence in simpler words.|The physician administered the medication.|The doctor gave the medicine.
Say the same in simple words.|We were compelled to terminate the journey.|We had to end the trip.
Please put this sentence in other words.|It took us three hours to reach the village.|We needed three hours to get to the village.
Rewrite the sentence so that it begins with "Yesterday".|We saw a fox in the garden yesterday.|Yesterday we saw a fox in the garden.
Rewrite the sentence so that it begins with "In the evening".|She reads stories to her son in the evening.|In the evening she reads stories to her son.
Rewrite the sentence without the word "very".|The water was very cold.|The water was icy.
Make the sentence more vivid.|The man walked down the street.|The old man shuffled down the dark, rainy street.
Make the sentence more polite.|Give me the salt.|Could you pass me the salt, please?
Make the request more polite.|Move your car.|Would you mind moving your car?
Rewrite the sentence using "there is" or "there are".|Two apples are in the bowl.|There are two apples in the bowl.
Rewrite the sentence using "because".|The match was cancelled due to the rain.|The match was cancelled because it rained.
Replace "got" with a better verb.|She got a letter from her aunt.|She received a letter from her aunt.
Replace "nice" with a stronger adjective.|We had a nice view of the valley.|We had a magnificent view of the valley.
Use an idiom instead of the plain words.|The test was very easy.|The test was a piece of cake.
Say the sentence without the idiom.|It is raining cats and dogs.|It is raining very hard.
Say the sentence without the idiom.|She let the cat out of the bag.|She revealed the secret.
Say in plain words what the idiom means.|to hit the nail on the head|to say exactly the right thing
""",
    "summarise": """
Summarise the text in one sentence.|Tom wanted to bake a cake. He had no eggs, so he went to his neighbour. She gave him three eggs, and he gave her a slice of the cake.|Tom borrowed eggs from his neighbour and thanked her with a slice of cake.
Summarise the text in one sentence.|The bridge was built two hundred years ago. Last year cracks were found in it. Now it is closed to cars until it has been repaired.|The old bridge is closed to cars until its cracks are repaired.
Sum up the message in a few words.|I am writing to let you know that, sadly, I have a fever and therefore cannot come to the meeting on Thursday.|The writer is ill and cannot come on Thursday.
Summarise the text.|Penguins cannot fly, but they swim very well. Their wings work like fins, and their thick feathers keep them warm in cold water.|Penguins cannot fly, but their wings and feathers make them good swimmers in cold water.
What is the main idea of this text?|Walking costs nothing, needs no training and can be done anywhere. Even twenty minutes a day is good for the heart.|The main idea is that walking is an easy and healthy form of exercise.
Summarise in one sentence.|Clara lost her ring in the garden. She searched for hours. A week later she found it on a carrot that she pulled from the ground.|Clara found her lost ring on a carrot in her garden.
Please summarise this notice.|The library will be closed from Monday to Wednesday because new shelves are being put in. Books may be returned through the slot in the door.|The library is closed from Monday to Wednesday, but books can be returned through the door.
What is this text about?|Fill the pot with soil, press the bulb in with the tip up, cover it and water it once a week.|The text is about planting a bulb in a pot.
Shorten the message.|Hello, this is Ben. I only wanted to tell you that my train is twenty minutes late, so please do not wait for me with dinner.|Ben's train is twenty minutes late, so eat without him.
Sum up the story.|A crow was thirsty and found a jug with a little water at the bottom. It dropped stones into the jug until the water rose high enough to drink.|A clever crow raises the water in a jug with stones so that it can drink.
Summarise the report in one sentence.|On Sunday about two hundred people cleaned the river bank. They filled ninety bags with rubbish and found an old piano.|Two hundred people cleared ninety bags of rubbish and a piano from the river bank.
What is the main point of this message?|Remember that the rent must be paid by Friday. After that day a fee will be added.|The rent must be paid by Friday to avoid a fee.
""",
    "conclude": """
How does the person feel?|He slammed the door and threw his bag into the corner.|The person is angry.
How does Anna feel?|Anna danced through the room with the letter in her hand.|Anna is happy.
What is the weather like?|People held on to their hats, and the trees bent low.|It is very windy.
Where are the people?|They took off their shoes and walked along the waves.|They are at the beach.
What time of year is it?|The first crocuses push through the melting snow.|It is early spring.
What is the person's job?|She checks the engine, puts on her headset and asks the tower for permission to take off.|She is a pilot.
How does the child feel?|The child hid under the blanket when the thunder began.|The child is afraid.
Where does this take place?|The waiter brought the menu and lit the candle on the table.|It takes place in a restaurant.
What is the speaker doing?|I have laced my boots and filled my bottle; the summit is three hours away.|The speaker is about to climb a mountain.
What time of day is it?|The street lamps went out, and the first birds began to sing.|It is early morning.
Who is speaking?|Open your mouth, please. When did the tooth begin to hurt?|A dentist is speaking.
What happened before this sentence?|He picked up the pieces of the vase.|He or somebody else broke the vase.
""",
    "advice": """
Give a tip for learning new words.|Write each new word on a card and look at the cards every day.
How can I fall asleep more easily?|Go to bed at the same time each night and keep your room dark and quiet.
What should I do if I cut my finger?|Wash the cut with clean water and cover it with a plaster.
Give one piece of advice to a new student.|Ask questions early, because everybody was new once.
How can I keep flowers fresh longer?|Cut the stems a little and change the water every two days.
What should I wear on a cold day?|Wear a warm coat, a scarf and gloves.
Please give me a tip for saving money.|Write down what you spend, and put a fixed sum aside each month.
How do I apologise to a friend?|Say that you are sorry, explain what you did wrong and offer to put it right.
What is a good breakfast before a long walk?|Porridge with fruit is a good breakfast, because it gives energy for hours.
How can I remember people's names better?|Repeat the name aloud when you hear it and link it to a picture.
Give advice to someone who is nervous before a test.|Breathe slowly, read every question twice and begin with the easiest one.
How can I stop my plants from dying?|Give them light, and water them only when the soil feels dry.
What can I do against hiccups?|Try holding your breath for a few seconds or drinking a glass of water slowly.
Could you give me a tip for a better photograph?|Stand with the sun behind you and hold the camera still.
How do I keep bread from drying out?|Keep the bread in a paper bag or a bread box.
What should one do when the fire alarm rings?|Leave the building calmly by the nearest exit and do not use the lift.
How can I make a long car ride less boring?|Listen to a story, play word games and stop for a walk now and then.
Give a tip for writing clearly.|Use short sentences and say one thing at a time.
What should I take on a hike?|Take water, food, a map and a warm jacket.
How can neighbours live together in peace?|They should greet each other, keep the noise down and talk about problems early.
Give advice on how to choose a good book.|Read the first page, and choose the book that makes you want to turn it.
How often should I water a cactus?|A cactus needs water only every few weeks.
""",
    "pros-and-cons": """
Name one advantage of living in the country.|One advantage is that it is quiet and close to nature.
Name one disadvantage of living in a big city.|One disadvantage is that rents are often high.
Give one argument for walking to school.|Walking to school is healthy and causes no traffic.
Give one argument against long homework.|Long homework leaves children little time to play and rest.
Name one advantage and one disadvantage of cars.|Cars are fast and convenient, but they pollute the air.
Give an advantage of electronic books.|Hundreds of electronic books fit into one light device.
Give an advantage of printed books.|A printed book needs no battery.
Name a disadvantage of plastic bags.|Plastic bags take a very long time to break down.
Please name one advantage of travelling by train.|On a train you can read or sleep while you travel.
What is a good thing about having a pet?|A pet keeps you company and makes you laugh.
What is a hard thing about having a dog?|A dog must be walked every day, even in the rain.
Name one advantage of working in a team.|In a team, people can share the work and learn from each other.
Give one reason to learn a foreign language.|A foreign language lets you talk with more people and understand their way of life.
Give one reason for getting up early.|Early in the morning it is quiet, and one can work undisturbed.
""",
    "describe": """
Describe a sunset in one sentence.|The sun sank behind the hills and painted the clouds orange and pink.
Describe a snowy morning.|Everything was white and silent, and the first footprints crossed the garden.
Describe a busy market in one sentence.|People crowded between the stalls while sellers shouted their prices over heaps of fruit.
Describe the taste of a lemon.|A lemon tastes very sour and fresh.
Describe an elephant to someone who has never seen one.|An elephant is a huge grey animal with a long trunk, big ears and thick legs.
Please describe the sound of rain.|Rain makes a soft, steady patter on roofs and leaves.
Describe an old house in one sentence.|The old house had crooked shutters, a mossy roof and a door that groaned.
Describe the smell of a forest after rain.|It smells of wet earth, moss and pine needles.
Describe how a cat moves.|A cat moves softly and quickly, as if it had no weight.
Describe a good teacher.|A good teacher is patient, explains clearly and listens to the pupils.
Describe a thunderstorm in one or two sentences.|Dark clouds rolled in, and lightning split the sky. Then the thunder shook the windows.
Could you describe what a lighthouse looks like?|A lighthouse is a tall, round tower on the coast with a bright lamp at the top.
Describe a beach in summer.|The sand is warm, children splash in the waves and gulls cry overhead.
Describe the feeling of being nervous.|Your heart beats fast, your hands grow damp and your thoughts race.
Describe a railway station in the morning.|Commuters hurry across the platforms while trains come and go.
Describe what a snowflake looks like.|A snowflake is a tiny star of ice with six arms.
Describe a kitchen in which someone is baking.|Flour covers the table, and the warm smell of cake fills the room.
Describe the colour red without naming it.|It is the colour of ripe strawberries and glowing coals.
Describe a mountain lake.|The lake lies still and clear between steep rocks and mirrors the sky.
Describe a library in one sentence.|Rows of shelves stand in the quiet hall, and readers turn their pages softly.
Describe a hedgehog.|A hedgehog is a small brown animal covered in spines that rolls into a ball when it is afraid.
Describe an apple in three words.|round, crisp, sweet
""",
    "compose": """
Write a sentence about the moon.|The moon hung above the rooftops like a silver coin.
Write a sentence about a lost dog.|The lost dog waited at the gate until its owner came running down the lane.
Write a sentence about winter.|In winter the pond freezes and the children bring out their skates.
Write a sentence with the word "although".|Although it was late, nobody wanted to go home.
Use the word "curious" in a sentence.|The curious kitten looked into every box.
Use the word "borrow" in a sentence.|May I borrow your pencil for a moment?
Write a sentence about a train journey.|Fields and villages flew past the window as the train raced south.
Make a sentence with the words "cat" and "window".|The cat sat at the window and watched the birds.
Write a question about animals.|Why do zebras have stripes?
Please write a sentence about friendship.|A true friend stays when everybody else has left.
Use the word "harvest" in a sentence.|The whole village helped with the harvest.
Write a sentence that ends with an exclamation mark.|What a wonderful surprise!
Write a sentence about the sea in the past tense.|The sea roared all night and threw driftwood onto the beach.
Use the word "patient" as an adjective in a sentence.|The nurse was patient with the frightened child.
Use the word "light" as a noun in a sentence.|A light was burning in the kitchen.
Make a sentence with the words "rain" and "umbrella".|She opened her umbrella as soon as the rain began.
Could you write a sentence about a birthday?|On her birthday Lucy found a blue bicycle in the hall.
Write a sentence with three adjectives.|The small, old, wooden bridge creaked under our feet.
Write a command for a dog.|Sit down and stay!
Write a short sentence about music.|Music fills the room.
Use the word "however" in a sentence.|The road was icy; however, we arrived on time.
Write a sentence that contains the number seven.|Seven ducks crossed the road in a row.
Use the word "nearly" in a sentence.|I nearly forgot my keys this morning.
Write a sentence about a baker who gets up early.|The baker lights the oven while the town is still asleep.
Make a sentence with the words "boy", "ball" and "tree".|The boy kicked the ball into the tree.
Write a sentence in the future tense about a journey.|Next spring we will sail around the island.
Use the word "unless" in a sentence.|We will be late unless we leave now.
Write the first sentence of a story about a dragon.|Nobody in the valley believed in dragons until the smoke came over the hill.
Write the last sentence of a fairy tale.|And from that day on they lived in peace.
Write a sentence about coffee.|A cup of coffee steamed on the table next to the newspaper.
Suggest a title for a story about a lost kitten.|A good title would be "The Kitten Who Went Too Far".
Suggest a title for a book about bread.|"Flour, Water, Salt and Time"
Suggest a title for a poem about autumn.|"Leaves on the Wind"
Think of a title for a film about a lighthouse keeper.|A fitting title is "The Last Lamp".
Give a title to this text.|The town will open a new swimming pool in May. It has two slides and a warm bath.|New Swimming Pool Opens in May
Give a headline for this news.|Heavy snow stopped all trains in the north on Tuesday morning.|Snow Stops Trains in the North
Write a headline for the text.|A dog from the village found three lost hikers in the hills last night.|Village Dog Finds Lost Hikers
Suggest a name for a bakery.|A nice name for a bakery is "The Golden Crust".
Please suggest a name for a bookshop.|You could call it "The Turning Page".
Suggest a name for a small black dog.|Pepper
Suggest a title for a report about saving water.|"Every Drop Counts"
Give the text a short title.|To plant a tree, dig a hole, set the roots in it, fill it with soil and water it well.|How to Plant a Tree
Could you suggest a name for a sailing boat?|You could name it "Morning Breeze".
Suggest a title for a song about travelling home.|"The Road Back Home" would be a fitting title.
Think of a name for a school newspaper.|The Schoolyard Post
Write a short thank-you note for a gift.|Thank you so much for the lovely scarf. It keeps me warm and reminds me of you.
Write a one-sentence invitation to a party.|You are warmly invited to my birthday party on Saturday at four o'clock.
Write a short message to say that you will be late.|I am sorry, but I will be about ten minutes late.
Write a polite reply to an invitation that you cannot accept.|Thank you for the invitation. Unfortunately I cannot come, but I hope you have a wonderful evening.
Write a sign for a garden gate.|Please close the gate behind you.
Write a sign that asks people to be quiet.|Quiet, please: people are reading.
Write a slogan for a bakery.|Fresh from the oven, straight to your heart.
Write a slogan for a bicycle shop.|Two wheels, endless roads.
Please write a short get-well message.|I hope you feel better soon and are back on your feet before long.
Write a rhyming couplet about a cat.|A cat lay sleeping in the sun, and dreamed of mice and how they run.
Write a rhyming couplet about rain.|The rain came tapping on the pane, and then it tapped and tapped again.
Write a short birthday wish for a grandmother.|Happy birthday, Grandma! May your year be full of sunshine and good company.
Write a short advertisement for an old bicycle.|For sale: a red bicycle, old but sound, with new tyres and a loud bell.
Write a riddle about a clock.|I have a face but no eyes, and hands but no fingers. What am I?
Write a riddle about a river.|I run all day but never walk. What am I?
Could you write a short note for a neighbour whose parcel you took in?|Your parcel arrived this morning. You can pick it up at my flat after six.
Write a question a traveller might ask at a station.|Which platform does the train to the airport leave from?
Write an answer to "How are you?"|I am well, thank you. And you?
Write a sentence that a shopkeeper says to a customer.|Good morning, how can I help you?
Write one sentence for a postcard from the mountains.|The air is clear, the food is good, and my legs are tired from climbing.
Write an apology for breaking a cup.|I am very sorry that I broke your cup, and I will gladly replace it.
Write a short weather forecast.|Tomorrow will be sunny in the south, with showers in the north towards evening.
""",
    "imagine": """
Imagine you are a tree. What do you see?|I see birds building nests in my arms and children playing at my feet.
If you could fly, where would you go first?|I would fly over the mountains to see the sea.
Invent a name for a planet made of ice.|The planet could be called Frostara.
Invent a sport with a bucket.|In bucketball, two teams try to throw a wet sponge into the other side's bucket.
What might a fish say to a fisherman?|A fish might say, "Please let me go; I am far too small for your pan."
Imagine a robot in the kitchen. What goes wrong?|The robot salts the tea and pours sugar into the soup.
Invent a superstition.|Whoever steps over a sleeping cat will oversleep the next day.
What would happen if it never rained?|Rivers would run dry, plants would wither and people would have too little to drink.
Imagine that animals could talk. What would a horse complain about?|A horse would complain about heavy riders and cold mornings.
Please invent a magical object.|The whispering spoon tells the cook what is missing in the soup.
What might be found in an old trunk in the attic?|There might be faded letters, a moth-eaten coat and a box of tin soldiers.
Invent a holiday and say how it is celebrated.|On Lantern Friday everybody walks to the river and lets a paper lantern float away.
Complete the metaphor: Time is ...|Time is a river that carries everything away.
Give a metaphor for a busy person.|She is a bee that never leaves the field.
Use a metaphor to describe the following phenomenon.|The sun sets.|The sun is a tired lamp that goes out behind the hills.
Use a metaphor to describe the following thing.|a noisy classroom|The classroom is a beehive.
Use a metaphor for this feeling.|great anger|Anger is a fire that burns in the chest.
Replace the plain words with a metaphor.|He is very stubborn.|He is a rock that no wave can move.
What does the metaphor "a heart of stone" mean?|It describes a person who feels no pity.
Please give a metaphor for hope.|Hope is a small candle in a dark room.
Give a metaphor for books.|Books are doors to other worlds.
Use personification to describe the wind.|The wind whispered in the trees and tugged at our coats.
Give a metaphor for snow.|Snow is a white blanket over the sleeping fields.
Use personification in a sentence about an alarm clock.|The alarm clock shouted at me until I got up.
""",
}

STATED = ("why", "difference", "general-knowledge", "idiom", "how-to", "examples")
OPEN = ("advice", "pros-and-cons", "describe", "compose", "imagine")


def _style(instruction: str) -> str:
    """The style of an instruction, read off its first words and its end."""
    if instruction.startswith(("Please", "Could you")):
        return "polite"
    if instruction.endswith("?"):
        return "question"
    return "terse" if len(instruction.split()) < 4 else "command"


def handwritten() -> list[dict]:
    """All rows written by hand, in the order of this file."""
    rows = []
    for family, block in BLOCKS.items():
        for instruction, *rest in _rows(block):
            given, output = rest if len(rest) == 2 else ("", rest[0])
            rows.append(
                {
                    "instruction": instruction,
                    "input": given,
                    "output": output,
                    "family": family,
                    "style": _style(instruction),
                }
            )
    return rows
