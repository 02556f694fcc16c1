"""Names that are hard to find in texts, and what a linker finds of them."""

RECORDS = [
    ("Miles_Davis", ["Miles Davis"], ["Cool jazz musicians", "American jazz trumpeters"], 500),
    ("Bill_Evans", ["Bill Evans"], ["Cool jazz musicians"], 200),
    ("Motörhead", ["Motörhead"], ["English heavy metal groups"], 300),
    ("Yes_(band)", ["Yes (band)"], ["English progressive rock groups"], 200),
    ("Queen_(band)", ["Queen (band)"], ["English rock groups"], 900),
    ("The_The", ["The The"], ["English post-punk groups"], 100),
    ("Talk_Talk", ["Talk Talk"], ["English new wave groups"], 100),
    ("Off!", ["Off!"], ["American hardcore punk groups"], 5),
    ("Off_the_Wall", ["Off the Wall"], ["1979 albums"], 80),
    ("Earth,_Wind_&_Fire", ["Earth, Wind & Fire"], ["American funk groups"], 100),
    ("Dr._Dre", ["Dr. Dre"], ["American rappers"], 100),
    ("R.E.M.", ["R.E.M."], ["American alternative rock groups"], 100),
    ("AC/DC", ["AC/DC"], ["Australian rock groups"], 100),
    ("1_Giant_Leap", ["1 Giant Leap"], ["English electronic groups"], 1),
    ("1977_(song)", ["1977 (song)"], ["The Clash songs"], 1),
    ("坂本龍一", ["坂本龍一"], ["日本の作曲家"], 50),
    ("ビートルズ", ["ビートルズ"], ["イギリスのロックバンド"], 90),
    ("雪", ["雪"], ["気象"], 90),
    ("Carabao", ["คาราบาว"], ["Thai rock groups"], 10),
    ("Fairuz", ["فيروز"], ["Lebanese singers"], 10),
    # Namesakes: the more linked one is no musician.
    ("John_Smith_(politician)", ["John Smith (politician)", "John Smith"], ["Ministers"], 90),
    ("John_Smith_(trumpeter)", ["John Smith (trumpeter)", "John Smith"], ["Hard bop people"], 10),
    ("Nova_(band)", ["Nova (band)"], ["Italian jazz groups", "Hard bop people"], 2),
    ("Art_Blakey", ["Art Blakey"], ["Hard bop people"], 50),
    ("Genesis_(band)", ["Genesis (band)"], ["English progressive rock groups"], 50),
    ("Genesis", ["Genesis"], ["Books of the Bible"], 50),
]


def found(linker, text):
    mentions = linker.link(text)
    behind = 0
    for mention in mentions:
        assert behind <= mention.start < mention.end <= len(text)
        assert text[mention.start : mention.end] == mention.label
        assert 0 < mention.confidence <= 1
        behind = mention.end
    return [(mention.label, mention.entity) for mention in mentions]
