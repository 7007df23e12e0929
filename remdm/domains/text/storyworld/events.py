"""What can happen in a story, and the sentences that tell it.

One event is told by one sentence, drawn from its paraphrases. In a paraphrase `{role.form}` is a slot (the form
is `name` where none is given), `[role]` is the subject, told by name or, right after a sentence about the same
person, by pronoun, `(a|b|)` is a free choice. `{food#n}` and `{food#less}` are the noun in the number that
fits the count and the count less one.
"""

SHARED = {
    "setting": (
        "One {weather} {time} , {hero} and {friend} met at the {place} .",
        "It was a {weather} {day} , and {hero} went to the {place} with {friend} .",
        "On {day} , {hero} and {hero.his} friend {friend} were at the {place} .",
        "Like every {day} , {hero} and {friend} played at the {place} .",
    ),
    "sky": (
        "The {weather.noun} {weather.verb} all {time} , but nobody minded .",
        "The {weather.noun} {weather.verb} , and the air smelled fresh .",
        "All {time} the {weather.noun} {weather.verb} over the {place} .",
    ),
    "have": (
        "{hero} had brought {hero.his} {colour} {thing} along .",
        "[hero] had {colour.a} {colour} {thing} that {hero.he} took everywhere .",
        "[hero] loved {hero.his} {colour} {thing} more than anything else .",
    ),
    "upset": (
        "This made {hero} very {feel} .",
        "[hero] felt {feel} and sat down on the ground .",
        "“ I am so {feel} , ” said {hero} with a sigh .",
        "[hero] was so {feel} that {hero.he} almost cried .",
    ),
    "glad": (
        "{hero} had been {feel} , but now {hero.he} was {feel.after} .",
        "All at once [hero] felt {feel.after} again .",
        "“ Now I am {feel.after} again ! ” said {hero} .",
        "Nobody was {feel} any more , and {hero} was {feel.after} .",
    ),
    "close": (
        "When evening came , they walked home together .",
        "They went home from the {place} hand in hand .",
        "It had been a lovely {day} at the {place} .",
        "{hero} and {friend} never forgot that {weather} {day} .",
        "From that {day} on , {hero} and {friend} were the best of friends .",
    ),
}

LOST = {
    "lose": (
        "But when {hero} looked around , the {thing} was gone .",
        "Suddenly [hero] could not see the {colour} {thing} anywhere .",
        "“ Oh no , I have lost my {thing} ! ” cried {hero} .",
    ),
    "search": (
        "They looked under every bush and every stone .",
        "They searched the whole {place} (from end to end|twice) .",
        "{friend} helped {hero.him} look , but they found nothing .",
    ),
    "ask": (
        "They asked {grown} , but {grown.he} had not seen the {thing} .",
        "“ I have not seen any {thing} , ” said {grown} .",
        "Even {grown} did not know where the {thing} was .",
    ),
    "find": (
        "At last {friend} saw something {colour} behind the {spot} , and it was the {thing} .",
        "Then {friend} looked behind the {spot} , and there was the {colour} {thing} !",
        "“ Look , here is your {thing} ! ” called {friend} from behind the {spot} .",
    ),
    "thank": (
        "“ Thank you , {friend} ! ” said {hero} and gave {friend.him} a hug .",
        "{hero} thanked {friend} and held the {thing} tight .",
        "{hero} hugged {friend} , because a good friend never gives up .",
    ),
}

SHARE = {
    "basket": (
        "{grown} had given {hero} a basket with {n} {food#n} .",
        "[hero] had {n} {food#n} in {hero.his} bag .",
        "“ Here are {n} {food#n} for you , ” {grown} told {hero} .",
    ),
    "hungry": (
        "{friend} looked at the {food.pl} and said nothing .",
        "{friend} had nothing to eat and was very hungry .",
        "“ I am so hungry , ” said {friend} .",
    ),
    "give": (
        "[hero] thought for a moment and gave {friend} one {food} .",
        "“ Please take one {food} , {friend} , ” said {hero} .",
        "So [hero] put {food.a} {food} into {friend.own} 's hand .",
    ),
    "left": (
        "Now there {n.were} {n.less} {food#less} left .",
        "{hero} had only {n.less} {food#less} left and did not mind .",
        "That left {n.less} {food#less} for {hero} , and it was plenty .",
    ),
    "eat": (
        "They sat down at the {place} and ate together .",
        "The {food} tasted twice as good because they ate together .",
        "{friend} ate the {food} slowly and smiled .",
    ),
    "kind": (
        "“ You are very kind , {hero} , ” said {friend} .",
        "“ Tomorrow I will bring you something too , ” {friend} promised {hero} .",
        "{friend} thanked {hero} with a big smile .",
    ),
}

ANIMAL = {
    "hear": (
        "Suddenly they heard a small cry behind the {spot} .",
        "{friend} stopped , because something was crying behind the {spot} .",
        "“ Listen , something is crying ! ” whispered {friend} .",
    ),
    "see": (
        "It was a little {animal.young} with a hurt leg .",
        "A tiny {animal.young} was lying (in the grass|on the ground) .",
        "There sat a little {animal.young} , all alone and cold .",
    ),
    "fetch": (
        "{hero} ran to get {grown} , and {friend} stayed with the {animal.young} .",
        "So {hero} called {grown} , because {grown.he} knew all about animals .",
        "“ We must get {grown} , ” said {hero} and ran off .",
    ),
    "help": (
        "{grown} lifted the {animal.young} up with gentle hands .",
        "Together they gave the {animal.young} some water and kept it warm .",
        "{grown} looked after the {animal.young} , and {hero} held it .",
    ),
    "mother": (
        "Before long , a big {animal} came to look for her baby .",
        "Then the mother {animal} came out from behind the {spot} .",
        "“ There is its mother ! ” said {hero} and pointed at {animal.a} {animal} .",
    ),
    "safe": (
        "The {animal} and her {animal.young} went away side by side .",
        "The {animal.young} ran to the {animal} and was safe again .",
        "How happy the {animal} was to see her {animal.young} !",
    ),
    "proud": (
        "“ You have done well , ” said {grown} .",
        "{grown} was proud of {hero} and {friend} .",
        "{grown} said that {hero} and {friend} had big hearts .",
    ),
}

PRESENT = {
    "party": (
        "One {weather} {time} , there was going to be a party at the {place} for {friend.own} 's birthday .",
        "On {day} it was {friend.own} 's birthday , and there was going to be a party at the {place} .",
        "{friend} was going to have a birthday party at the {place} on {day} .",
    ),
    "wish": (
        "{hero} wanted to give {friend} something special , but {hero.he} had no money .",
        "“ What can I give {friend} ? ” {hero} asked {grown} .",
        "{hero} did not have a present for {friend} yet .",
    ),
    "make": (
        "“ I will make {thing.a} {thing} , ” said {hero} .",
        "So [hero] made {thing.a} {thing} with {hero.his} own hands .",
        "With some help from {grown} , {hero} made {thing.a} {thing} .",
    ),
    "paint": (
        "[hero] painted it {colour} , because {friend} loved that colour .",
        "{grown} found some paint , so the {thing} became {colour} .",
        "“ It must be {colour} , ” said {hero} and took a brush .",
    ),
    "wrap": (
        "Then [hero] put the {thing} in a box with a bow .",
        "{grown} had some paper , and {hero} wrapped the {thing} up .",
    ),
    "unwrap": (
        "At the party , {hero} gave {friend} the {colour} {thing} .",
        "{friend} opened {hero.own} 's present and saw the {colour} {thing} .",
        "“ This is for you , ” said {hero} , and gave the {colour} {thing} to {friend} .",
    ),
    "joy": (
        "“ I love it ! ” cried {friend} and hugged {hero} .",
        "{friend} jumped for joy and showed the {thing} to everybody .",
        "{friend} liked it best of all , because {hero} had made it .",
    ),
    "owner": (
        "Now the {thing} was {friend.own} 's , and {friend.he} took it everywhere .",
        "The {colour} {thing} lay by {friend.own} 's bed that night .",
    ),
}

RACE = {
    "challenge": (
        "“ Let us race to the {spot} ! ” said {friend} .",
        "{friend} wanted to run a race to the {spot} .",
        "“ I can run to the {spot} faster than you , ” said {friend} to {hero} .",
    ),
    "prize": (
        "{grown} promised the winner {colour.a} {colour} {thing} .",
        "The prize was {colour.a} {colour} {thing} .",
        "“ The winner gets this {colour} {thing} , ” said {grown} .",
    ),
    "start": (
        "One , two , three , and off they ran !",
        "{grown} clapped , and they both ran as fast as they could .",
        "They ran so fast that their feet hardly touched the ground .",
    ),
    "fall": (
        "Halfway there , {friend} fell and hurt {friend.his} knee .",
        "But {friend} tripped over a stone and fell down .",
        "Then {friend} slipped , and {friend.he} could not get up .",
    ),
    "stop": (
        "{hero} could have won , but {hero.he} turned back at once .",
        "{hero} stopped running and helped {friend.him} up .",
        "“ Are you hurt ? ” asked {hero} and took {friend.own} 's hand .",
    ),
    "finish": (
        "So they walked to the {spot} arm in arm .",
        "They reached the {spot} together , and nobody was last .",
        "“ We can both win , ” said {hero} , so they went to the {spot} together .",
    ),
    "award": (
        "{grown} gave the {thing} to both of them .",
        "{grown} was so pleased that {grown.he} let them share the {colour} {thing} .",
        "“ The {thing} is for both of you , ” said {grown} .",
    ),
}

BOX = {
    "box": (
        "{hero} found {colour.a} {colour} box behind the {spot} .",
        "Behind the {spot} stood an old box with {colour.a} {colour} lid .",
        "“ Look at that {colour} box behind the {spot} ! ” said {hero} .",
    ),
    "locked": (
        "It was locked , and there was no key .",
        "[hero] tried to open the box , but it was locked .",
        "“ We need a key for it , ” said {friend} .",
    ),
    "key": (
        "Then {friend} found a key in the grass .",
        "Luckily {grown} had an old key in {grown.his} pocket .",
        "After a long time , {friend} saw a key on a nail .",
    ),
    "open": (
        "The key fitted , and the {colour} box opened with a click .",
        "{hero} turned the key , and the {colour} lid flew open .",
        "It was the right key , so they could open the box .",
    ),
    "inside": (
        "Inside was {thing.a} {thing} , old but beautiful .",
        "In the box lay {thing.a} {thing} and a letter .",
        "“ Look , {thing.a} {thing} ! ” cried {friend} .",
    ),
    "keep": (
        "“ That {thing} was mine when I was little , ” laughed {grown} .",
        "“ You may keep the {thing} , ” said {grown} .",
        "{grown} said that {hero} and {friend} could keep the {thing} .",
    ),
    "play": (
        "They played with the {thing} until it was dark .",
        "{hero} and {friend} had fun with the {thing} all {time} .",
        "{friend} tried the {thing} first , and then {hero} did .",
    ),
}

TRADE = {
    "other": (
        "{friend} had brought {colour2.a} {colour2} {thing2} .",
        "In {friend.own} 's bag there was {colour2.a} {colour2} {thing2} .",
        "“ See my new {thing2} , it is {colour2} ! ” said {friend} .",
    ),
    "want": (
        "{hero} looked at the {thing2} and liked it very much .",
        "{hero} was tired of {hero.his} {thing} and wanted the {thing2} .",
        "“ I wish I had {thing2.a} {thing2} too , ” said {hero} .",
    ),
    "offer": (
        "“ Will you trade your {thing2} for my {thing} ? ” asked {hero} .",
        "So [hero] offered {friend} the {colour} {thing} for it .",
        "[hero] asked {friend} to trade the {thing2} for the {thing} .",
    ),
    "agree": (
        "{friend} thought about it and nodded .",
        "“ Yes , that is fair , ” said {friend} .",
        "{friend} said yes , because {friend.he} had always wanted {thing.a} {thing} .",
    ),
    "swap": (
        "So {friend.own} got the {colour} {thing} , and {hero.own} got the {colour2} {thing2} .",
        "Now {hero.own} had the {thing2} and {friend.own} had the {thing} .",
        "They changed , and now the {thing2} was {hero.own} 's .",
    ),
    "enjoy": (
        "{hero.own} played with {hero.his} {colour2} {thing2} all {time} .",
        "{friend.own} showed {friend.his} {colour} {thing} to {grown} .",
        "{grown} laughed when {hero.own} came with {thing2.a} {thing2} .",
    ),
}

QUARREL = {
    "both": (
        "There was only one {colour} {thing} , and they both wanted it .",
        "{hero} wanted to play with the {colour} {thing} , but {friend} wanted it too .",
        "Both of them reached for the same {colour} {thing} .",
    ),
    "shout": (
        "“ The {thing} is mine ! ” shouted {friend} .",
        "They pulled at the {thing} and shouted .",
        "{friend} took the {thing} and would not let go .",
    ),
    "apart": (
        "{friend} went away and sat behind the {spot} .",
        "{friend} ran behind the {spot} and would not come out .",
    ),
    "advise": (
        "“ Good friends take turns , ” said {grown} .",
        "{grown} told them that one {thing} was enough for two .",
        "{grown} said that sharing was better than shouting .",
    ),
    "sorry": (
        "“ I am sorry , {friend} , ” said {hero} .",
        "[hero] went to {friend} and said that {hero.he} was sorry .",
        "{hero} held out {hero.his} hand to {friend} .",
    ),
    "peace": (
        "{friend} was sorry too , and they made peace .",
        "“ Let us be friends again , ” answered {friend} .",
        "{friend} smiled , and the quarrel was over .",
    ),
    "turns": (
        "So they took turns with the {colour} {thing} .",
        "First {friend} had the {thing} , and then it was {hero.own} 's turn .",
        "After that , the {colour} {thing} was for both of them .",
    ),
}

PLANT = {
    "seed": (
        "{grown} gave {hero} a tiny {plant} seed .",
        "{hero} found a {plant} seed in {hero.his} pocket .",
        "“ This is a {plant} seed , ” {grown} told {hero} .",
    ),
    "sow": (
        "[hero] planted it near the {spot} , and {friend} watered it .",
        "They dug a hole near the {spot} and put the seed in .",
        "{friend} helped {hero.him} plant it near the {spot} .",
    ),
    "wait": (
        "Day after day they waited , but nothing happened .",
        "For a whole week nothing came up .",
        "They looked every {time} , but there was nothing to see .",
    ),
    "patience": (
        "“ You must be patient , ” said {grown} .",
        "{grown} said that good things take time .",
        "But {grown} told {hero.him} to wait a little longer .",
    ),
    "sprout": (
        "Then at last a little leaf came out of the ground .",
        "One {day} there was a tiny leaf near the {spot} .",
        "“ It is coming up ! ” cried {friend} .",
    ),
    "grow": (
        "The plant grew and grew until it was taller than {friend} .",
        "Soon the plant was as tall as the {spot} .",
        "With sun and water , the plant became tall and strong .",
    ),
    "harvest": (
        "When summer was over , there were {n} {plant#n} on it .",
        "They counted {n} fine {plant#n} .",
        "“ We have {n} {plant#n} ! ” said {friend} .",
    ),
    "pride": (
        "“ What a fine garden ! ” said {grown} .",
        "From then on , {hero} loved to watch things grow .",
        "Next year {hero} and {friend} planted another {plant} seed together .",
    ),
    "gift": (
        "{hero} gave one {plant} to {grown} , so there {n.were} {n.less} {plant#less} left .",
        "One {plant} was for {grown} , so the friends kept {n.less} .",
    ),
}

HIDE = {
    "suggest": (
        "“ Let us play hide and seek ! ” said {friend} .",
        "{friend} wanted to play hide and seek .",
        "They began to play hide and seek .",
    ),
    "count": (
        "{hero} closed {hero.his} eyes and counted to (ten|twenty) .",
        "{hero} had to count first and stood with {hero.his} hands over {hero.his} eyes .",
        "“ Now I will count to (ten|twenty) , ” said {hero} .",
    ),
    "hide": (
        "{friend} ran away and hid behind the {spot} .",
        "Quickly {friend} hid behind the {spot} .",
        "Behind the {spot} was a good place , so {friend} hid there .",
    ),
    "seek": (
        "{hero} looked (everywhere|high and low) , but {friend} was nowhere to be seen .",
        "“ Where are you , {friend} ? ” called {hero} .",
        "{hero} walked around the {place} but could not find {friend.him} .",
    ),
    "hint": (
        "Then a friendly {animal} stood still by the {spot} and looked behind it .",
        "Just then {animal.a} {animal} ran around the {spot} .",
        "Then {animal.a} {animal} saw {friend} and made a loud noise .",
    ),
    "spy": (
        "“ I see you behind the {spot} ! ” cried {hero} .",
        "So {hero} looked behind the {spot} and found {friend.him} .",
        "{hero} followed the {animal} and found {friend} .",
    ),
    "laugh": (
        "“ That {animal} gave me away ! ” laughed {friend} .",
        "{friend} laughed at the clever {animal} .",
        "They both laughed , and {hero} petted the {animal} .",
    ),
    "again": (
        "Then it was {friend.own} 's turn to count .",
        "They played again , and this time {hero} hid .",
    ),
}

EVENTS: dict[str, tuple[str, ...]] = {
    name: sentences
    for group in (SHARED, LOST, SHARE, ANIMAL, PRESENT, RACE, BOX, TRADE, QUARREL, PLANT, HIDE)
    for name, sentences in group.items()
}
