"""The words that codes of words are made of: 2,048 of them, 11 bits each.

English words of four to seven letters. No slip of one letter makes one of them into another. Their order belongs to
the codes in flight: whoever changes the list ends those.
"""

from __future__ import annotations

_LIST = """
abbey able about above absent accent accord acid acorn acre across action active actor actual address adjust admiral
admire adopt adult advance advent advice aerial affair afford afraid after again agenda agent agile agree ahead
airline airport airship aisle alarm album alcove alert algebra alien alive alloy almond almost aloft alone alpaca
alpine already also always amateur amazing amber amend amount ample amuse anchor anew angel angle animal annual answer
antenna anthem antique antler anvil anxious anybody apart appeal apply apricot april apron aquatic arcade archer
archive arctic arena argue armada army aroma around arrange arrive arrow article artist ascend ashen ashore aside
aspect asphalt aspire assist assume athlete atlas atom atrium attach attempt attend attic attire attract audio august
aunt author autumn avatar avenue aviator avocado avoid awake award away awesome awning azure baby back bacon badge
bagel baggage bagpipe baker balance balcony ballad ballet bamboo banana bandage banner banquet barber bargain barista
barley barn barrel basalt basil basket bass bassoon bathtub battery bayou bazaar beach beagle beam beanbag beaver
become bedrock bedroom beeswax beetle before begin behave behind being believe bell bellow belong benefit beret berry
beside bestow better beyond bicycle bike billion birch bird biscuit bison blanket blazer blend blossom blouse blue
bluff blush board boat bobcat bobsled body boiler bold bolero bonfire bonnet bonus book boots border borrow botany
bottle bottom bounce bouquet bovine bowl bowtie bracket brain branch brave bread breeze brewery brick bridge brief
brigade bright bronco bronze broom brother brown browse bubble bucket buckle budget buffalo buffet buggy bugle build
bulb bumper bundle bunny buoyant burger bushel busy butcher butler button buyer buzzer cabana cabbage cabin cabinet
cactus caddy cadet cafe calf calico calorie calypso camel camera campus canal canary candid candle canine canoe canopy
canteen canvas canyon capable capital captain caption carafe caramel caravan carbon card cargo caribou carpet carrot
carve cascade cashew castle casual catcher catfish cavalry cavern caviar cedar ceiling celery cello celsius cement
census century ceramic cereal certain chain chalet chalk chamber chance chapel chapter charge charm chateau checker
cheddar cheek cheese cheetah chef chemist cherry chicken child chimney chisel choir choose chorizo chorus chrome
chuckle cider cinema circle circus citrus city civic claim clamp clarity classic clay clean clerk clever client cliff
climate climb clinic clipper cloak closer cloth cloud club coach coal coast coaster cobalt cobbler cobra cockpit cocoa
coconut coffee coin cola collar collect college colony column comedy comet comfort comic comma common commute compare
compass compile compose concept condor cone confirm conga connect consul contest convoy cooker cookie copper copy
corner cosmos costume cottage cotton count country couple courage courier course cousin cowboy coyote cradle craft
crane crayon cream create credit crew cricket crisp critic crochet crocus crop crouton crowd cruise crumb crunchy
crystal cube cuckoo culture cupcake curfew curious curl current curry cushion custom cutlery cyclist cyclone cypress
dahlia daily damp dance daring dash data dawn dazzle debate decade decimal deck declare decor deep defend degree
deliver delta deluxe demand denim dentist depart depot depth deputy derby derive design desktop destiny detail detect
develop device devote diagram diamond diary dictate diesel differ digital dignity dimple dinghy dinner diploma direct
display distant ditch divide diving dizzy doctor dolphin domain domino donate donkey doodle door doorway dossier
double dough dove dozen dragon drama draw drawer dress drift drink driver dropout drum drummer duchess duet dugout
dune duplex durable dusk duty dwarf dynamo eager early earmuff earring earth easel east eastern echo eclair eclipse
ecology economy edge editor educate effect effort eight either elastic elbow elder elect elegant element eleven elite
embark emblem embrace emerald emerge emotion emperor empire employ empty enable enamel enchant encore endless endure
energy engine engrave enjoy enlist enough enrich enter entire entry episode equal equator equip essay estate etching
ethics evening event ever evolve exact examine example excel excite exclaim excuse execute exhibit exile exist exotic
expand expect expense explain explore export express extend extra eyelid fabric facade fair faith falafel falcon
family famous fancy farmer fashion father fathom faucet federal fedora feline fence ferment fern fiber fiction fiddle
field fiesta fifteen fifty figure film filter final finch find finger finish fire firefly fireman fish fitness fjord
flag flannel flash flavor fleece fleet flight flint float flock floor fluffy fluid flute foam focus foghorn folder
foliage folk follow food footage foreign forest forever forge formal formula fortune forty forum forward fossil
founder foxtrot frame freckle freedom freezer freight fresh friday friend frigate fringe frisbee frog front frozen
fruit fudge funnel furlong furnace fusion future gadget galaxy galleon gallery gallop game garage garden garlic
garment gazebo gazelle gazette gearbox gecko gelatin general genius gentle genuine geology geyser gherkin giant gift
gingham girder give glacier glad glance glass glaze glide glimpse glitter global glory glove glow gnome goblet goblin
goggles golden golf gondola goose gopher gorilla gourmet govern grace grand granite granola gravel gravity gravy great
green grid grill grizzly grocery groove group grouse growth guard guava guess guitar gull gumdrop gutter gymnast habit
haddock halibut hall hallway halogen hamlet hammer hammock hamster hand hangar happen happy harness harp harvest hatch
hazel health heart heavy helium helmet helper helping hemlock herald herb heron herring hexagon hickory highway hiking
hilltop hippo history hobby hockey home honest honey hoof hopeful horizon horn hornet horse hostess hotel hour housing
huddle human humble hummus hundred husband husky hydrant hyena hymn hyphen iceberg icicle icon idea igloo iguana image
imagine imitate immense impact import impress improve impulse incense incline include income index indigo indoor
infant inflate inform inhabit initial inkwell inland inlet insect inside insight inspire install instant instead
insulin intact intend into invent invite iodine iris isotope issue italic item itself ivory jacket jackpot jaguar
janitor january jargon javelin jawbone jazz jelly jersey jester jetty jewel jigsaw jingle joinery joke journal journey
joyful jubilee juggle juice jukebox july jumbo jump junior juniper jupiter juror just justice karate kayak kebab
kernel kettle keyhole kickoff kidney kilt kimono kindle king kingdom kinship kiosk kitchen kite kitten kiwi knee knife
knight knock know knuckle koala label laborer lacquer ladder ladle lady ladybug lagoon lake lamb lambda lantern laptop
large laser lasso latin lattice laugh launch laundry laurel lava lawyer leader leaf league learn leather lecture
leeway left legal legend leisure lemon length lentil leopard lesson lettuce levee lexicon liaison liberty license
lilac lily limber lime limit limpet linen lion liquid list litmus lizard llama lobster local locket lodge logic lonely
long lookout loop lotus lounge lozenge lucky luggage lullaby lunar luxury lynx lyric machine magenta magic magnet
magnify magpie mailbox major mammal mammoth manage manatee mango mansion mantle manual many maple marble march margin
marine market marshal marvel mascot mason master matador matinee maximum maybe meadow meander meaning measure medium
melody melon member memoir memory mention mentor menu mercury merit mermaid message meteor method metro microbe
migrate mildew mile miller mimosa mineral minimum minor mint minute miracle mirror mixture mobile model modern modest
module moment monday monitor monsoon month moon morning morsel mosaic moss mother motive motor mountie mouse movie
much muffin mural museum music mussel mustang mustard mutual myself mystery myth nacho napkin narrate nation native
nature navy nearby neat nebula nectar needle neon nephew neptune nerve network newborn news nickel niece nimble nine
nobody noise nomad north nothing notice nougat nourish novel nozzle nucleus number nurse nursery nutmeg nylon oasis
oatmeal oats obelisk object oblong oboe observe obtain obvious ocean octagon octave octopus odyssey offer office
offset often olympic omelet omit once onion online only onyx opal open opera opinion oppose optical option oracle
orange orbit orchard orchid oregano organ organic orient origami origin oriole osprey ostrich otter outcome outdoor
outfit outlet outline outpost outside overlap owner oxygen oyster ozone pacific package paddle padlock paella page
pagoda paint palace palette palm panda panel panther pantry papaya paper paprika papyrus parade parasol parcel pardon
parent parfait park parsley partner party passage pasta pastel path pathway patio patriot patrol pattern pause peacock
peanut pear pebble pecan pedal pelican pencil penguin people pepper percent perfect perform perfume period permit
person petunia phantom phoenix phone photo phrase pianist piano piccolo pickle picnic picture pigeon pigment pillow
pilot pinball pink pioneer pipe pirate pitcher pixel pizza placard plain planet plank plaster plate plateau plaza
please plenty plum plunge plural plywood podium poem polar police polish pollen polo polygon pomelo pony pool popcorn
poppy popular porch portal postage postman potato pottery powder prairie praise precise prefer premium present presume
pretty pretzel preview price primary printer prism private problem process produce profit promise proof proper protein
proton proud proverb provide public publish pudding pueblo pulley pulp pumpkin punch pupil puppet purple purpose
pursuit push puzzle pyramid python quantum quarry quart quarter queen quench quick quiet quill quince quiver quiz
quota rabbit raccoon radar radiant radio radish radius rail rainbow raisin rally rampart random rapid rapport ravine
ravioli razor ready real reason rebound rebuild recipe recital reckon record recover recycle reduce redwood reef
referee refill refine reflect reform refresh refuge regatta region regular rejoice relax relief relish remain remark
remedy remind remote render renew renown rent repair repeat replace reply report reptile request rescue reserve resist
respect respond restore result retire return reunion reveal reverse reward rewrite rhino rhythm ribbon rich ricotta
rinse ripple road robin robot rodeo rolling romance rooster rope rosebud rotate rotunda route routine rowboat royal
rubber ruby rudder ruler runner runway russet rustic rusty safari saffron salad salary salmon salsa salute sandal
sandbox sardine satchel saturn sauce sauna sausage savanna save savings scale scallop scarf scarlet scenery scenic
scholar school science score scout scratch screen scribe script scroll seafood seagull seaport search seaside seaweed
second secret section secure seed seesaw seminar senate senior sense sequel series serious service sesame seven
seventy several shadow shallow shampoo shape shark shawl sheep shelf shelter sherbet sheriff shield shine ship shirt
shiver shock shoe shovel shower shrimp shutter shuttle sidecar signal silicon silk silver similar since sincere siren
sirloin sister sitar sixteen sixty size skate sketch skill skunk skyline sleeve sleigh slender slice slogan slope
small smart smoke smooth snack snail snake sneaker snorkel snowman soap soccer social society soda soft solid solvent
somehow someone sonata sonic soprano sorbet sound south space spaniel sparrow spatula special speech spell sphere
spider spinach spiral spirit splash sponge sponsor spoon sport spray spring sprout spruce square squash squid stable
staff stage stairs stamina stamp stand station statue steady steam steel steeple stencil step stereo steward stick
stitch stomach stone stool storage stork strange straw street stretch striker strong strudel student studio style
subject submit subtle suburb subway succeed success sudden suede sugar suggest suit sulfur summer sunbeam sunday
sundial sunrise sunset superb supper supply support sure surface surgeon surplus survey survive suspend sustain swan
sweater sweet swift swim swimmer swing sword symptom syrup system tablet tactic tadpole tailor taken talent tandem
tangent tank tapioca target tariff taxi teacher teacup teapot technic teddy tempo tenant tenfold tennis tepid terrace
terrain textile texture theme theorem theory thermal thermos thesis thicket thimble thing thinker thirst thirty
thistle thought thread three thrive throne throw thumb thunder tide tiger tinsel tiny titan title today toddler tomato
tongue toolbox tooth topaz topic tornado total totem toucan touch tourist toward towel town tractor trade traffic
transit trapeze treaty treetop trellis tremble trend tribe tribune trim trinket triple trivia trolley trophy trouble
trout truck true truffle trumpet trust trustee truth tuesday tugboat tulip tumbler tuna tundra turban turbine turkey
turnip turret turtle tutor tuxedo tweed twelve twenty twig twist tycoon type typhoon typical ukulele uncle under
unicorn uniform unique unit until unusual update upgrade uphill uplift upon upright uptown upward urchin urgency
urgent usable useful usher usual utensil utmost vacant vacuum valiant valid valley value vanilla vanish vantage
variety various vault vector vehicle velvet vendor venison venture veranda verdict verify verse vessel viaduct vibrant
victory video village vinegar vinyl viola violet violin virtue visa visible vision visit visitor visual vital vitamin
vivid voice volcano voltage volume vortex voyage waffle wagon waist waiter walk walkway walnut walrus waltz want
warbler warm wasp waxwing weave wedding weekday weekend weigh welcome weld west wetsuit whale wharf wheat wheel
whisker white wicker width wildcat window winter wisdom wise work world wrap wreath wren wrench yacht yoga yogurt
yonder young zebra zenith zephyr zero zestful zigzag zinc zipper zircon zodiac zoom
"""
WORDS = tuple(_LIST.split())
