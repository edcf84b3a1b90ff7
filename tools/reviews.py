"""Twenty reviews in different styles, written for the tests: short, long, mixed, shouted, with a stated rating."""

from typing import Final

REVIEWS: Final = (
    "Loved it.",
    "Terrible. Two hours of my life that I will not get back.",
    "It was fine, I suppose, but I kept looking at my watch and I could not tell you the name of one character.",
    "One of the finest films I have seen in years. The photography alone is worth the ticket, and the final scene, "
    "played without a word, had the whole row in tears. 10/10.",
    "The book was better. The book is always better, but here they threw away the one thing that made it work.",
    "I wanted to like this. The cast is strong, the score is lovely, and the first half hour promises a great deal. "
    "Then the script falls apart and nobody seems to have noticed.",
    "AVOID!!! Wooden acting, cheap effects, a plot that a child could have written better. 1/10 and that is generous",
    "Not bad at all for a film that cost less than a family car. A few rough edges, a lot of heart.",
    "My grandmother and I watched this on a rainy Sunday and laughed until the neighbours knocked. Warm, silly, kind.",
    "Competent. That is the best and the worst that can be said of it: everything is where it should be, nothing "
    "surprises, and by the evening I had forgotten it. Four stars out of ten, for the dog.",
    "The director's masterpiece? Perhaps not, but a quiet, patient film about a marriage, with two performances that "
    "will be talked about for a long time. It asks for attention and pays it back.",
    "I have no idea why critics praise this. Slow does not mean deep, dark does not mean serious, and whispering is "
    "not acting. I gave it a second chance and fell asleep twice.",
    "What a ride! The chase through the market is the best action scene of the year, the villain is a joy, and it "
    "never takes itself too seriously. See it on the largest screen you can find.",
    "Half of it is a sharp comedy about office life and half is a thriller that nobody asked for. I would give the "
    "first half an eight and the second a three.",
    "Beautiful to look at and completely empty.",
    "Seen at the festival with the sound out of sync for the first reel, and even so it was unforgettable.",
    "Kids loved it, I did not mind it.<br /><br />The songs are catchy, the jokes are old, the message is nice. "
    "There are worse ways to spend ninety minutes 🙂",
    "Überraschend gut, wie man so sagt: a small German production that does more with one room and three actors than "
    "most studios do with a city.",
    "Where to begin? The accents wander, the wigs do not fit, the castle is a car park and the sword fights look like "
    "two men beating a carpet. And yet I had such a good time, for all the wrong reasons, that I cannot call it a "
    "waste. As a film it is dreadful. As an evening with friends and a bottle of wine it is close to perfect.",
    " ".join(
        f"In chapter {number} of this endless saga the heroes walk, talk about walking, and meet somebody who explains "
        "what we saw an hour ago; the landscape is superb and the music swells, but the story does not move an inch."
        for number in range(1, 17)
    )
    + " And then, in the last ten minutes, it becomes a great film. If only they had begun there.",
)
