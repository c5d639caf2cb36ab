"""Words that decide what a task asks, and words that do not: what near-duplicates are told apart by.

Every word has one concept. Those of `DECISIVE` concepts change the task wherever they are: a negation, a comparison,
one of two opposites, a unit. `WEAK` ones do where one stands for another. `IDLE` words change nothing. All others are
contents, of which inflections and the synonyms of instructions are one concept.
"""

import builtins
import keyword
import re
from string import ascii_lowercase

# Words of one concept end at a semicolon or at the end of the line, unless the next begins with `&`. Opposites are of
# different concepts.
_DECISIVE = """
not no without \u4e0d \u6ca1 \u975e \u672a \u65e0 never neither nor non none except excluding cannot cant dont
& doesnt didnt isnt arent wasnt wont shouldnt mustnt nicht kein keine keinen
& ohne sans sin ni jamais pas nunca
largest biggest maximum max greatest highest most maximal maximize maximise maximizing
smallest minimum min least lowest fewest minimal minimize minimise minimizing
larger bigger greater above exceeds exceeding; smaller fewer below under
longest; shortest; longer; shorter; latest newest; earliest oldest; earlier older
median; mean average
ascending increasing nondecreasing; descending decreasing nonincreasing; sorted ordered; unsorted unordered shuffled
increase increases increased; decrease decreases decreased; grow grows; shrink shrinks
subtract subtracts subtracting subtraction minus; multiply multiplies product times; divide divides division quotient
difference; atleast; atmost
or; xor; even; odd; positive; negative nonpositive; nonnegative; prime primes; composite
inclusive including inclusively; exclusive exclusively; unique distinct deduplicated
duplicate duplicates duplicated repeated
true; false; equal equals same identical; different unequal; empty; nonempty
up upward upwards; down downward downwards; top; bottom
horizontal row rows; vertical column columns; north; south; east; west; inside within; outside
closed close; paid; unpaid; enabled enable; disabled disable; encode encodes encoding encrypt
decode decodes decoding decrypt
insert inserts push append prepend; delete remove removes pop; union; intersection; uppercase upper; lowercase
horizontally; vertically; clockwise; counterclockwise anticlockwise; forward forwards
backward backwards reverse reversed
recursive recursively recursion; iterative iteratively iteration; mutable; immutable; sync synchronous
async asynchronous
min minute minutes; hour hours; sec seconds; days daily; week weeks weekly; month months monthly
year years yearly annual
metre metres meter meters m; kilometre kilometres kilometer kilometers km
centimetre centimetres centimeter centimeters cm; millimetre millimetres millimeter mm
gram grams g; kilogram kilograms kg; mile miles; foot feet; inch inches; pound pounds; ounce ounces
litre litres liter liters; millilitre ml
celsius; fahrenheit; kelvin; dollar dollars usd; euro euros eur; cent cents; percent percentage; degree degrees
radian radians
monday; tuesday; wednesday; thursday; friday; saturday; sunday
january; february; april; june; july; august; september; october; november; december
red; green; blue; yellow; black; white; male; female; buy buys bought; sell sells sold
hot; cold; am; pm; write-to
advantages pros benefits; disadvantages cons drawbacks; minor; major; internal; external; static; dynamic; direct
indirect
explicit; implicit; local; global; public; private; import; export; upload; download; parent; child children; root
leaf leaves
acute; obtuse; convex; concave; parallel; perpendicular; numerator; denominator; rational; irrational; complex
finite; infinite
profit; borrow borrows; lend lends; arrive arrives arrival; depart departs departure
singular; plural; double; triple; thrice
preorder; inorder; postorder; bfs breadth; dfs depth; stack; queue; stable; unstable; sequential; concurrent
"""
# Of these only one that stands for another decides.
_WEAK = """
all every each; any some either; only; exactly; must; optional; required; valid; invalid; input; output; real
start begin beginning front
end ending back; count counts counting; add adds adding added addition plus; sum sums total; first; last final
second; third; fourth
python; javascript; typescript; java; c; rust; go golang; sql; ruby; php; haskell; kotlin; swift; scala; perl; bash
html; css; json; xml; yaml; csv
may; march; hard; easy; old; new; high; low; single; strict strictly; full; next; previous preceding prior
before; after; later newer
over; right; left; more higher; less lower; open; early; late; day; night; fast; slow; read reads; middle; mode
strong; weak
win wins won; lose loses lost; gain gains; loss; man men; woman women; boy boys; girl girls; always; sometimes; once
twice; half; best; worst; source; target
"""
_IDLE = """
a an the this that these those it its he she they them his her their we our us you your i my me who which what
whose whom
is are was were be been being am do does did done has have had having can could will would shall should might
of to in on at by for from with as into onto upon about and also but so if then than when where while there here such
please kindly just simply very really quite also too well now thus hence therefore however moreover furthermore e g
i.e etc
given following below named called name using use uses used via let lets make makes made want wants need needs like
it's that's let's der die das ein eine le la les un une el los las
how why give gives provide provides show shows ensure sure note correctly properly appropriate
"""
_SYNONYMS = """
write create implement build develop construct design define code produce generate compose craft formulate
function method routine procedure func subroutine; return returns returning gives output outputs yield yields give
find determine compute calculate evaluate work figure identify obtain; list array vector lists arrays sequence
string text strings
number numbers integer integers value values; dictionary dict map mapping dictionaries
example examples sample samples instance
explain describe discuss outline clarify; program script application app; test tests testing
check checks verify verifies validate validates
merge merges combine combines join joins; split splits separate separates; element elements item items entry entries
argument arguments parameter parameters; error errors exception exceptions; task problem exercise; solve solves
convert converts transform transforms turn turns; time runtime; word words
character characters char chars letter letters
brief short concise; detailed thorough; step steps; display print prints; car automobile; quick rapid; large big
small little
begin start; choose select pick; key keys; contain contains hold holds include includes; remain remaining rest
take takes taking accept accepts accepting receive receives receiving; colour color colours colors
behaviour behavior behaviours behaviors; neighbour neighbor neighbours neighbors neighbouring neighboring
centre center centres centers; favourite favorite favourites favorites; honour honor; labour labor; grey gray
normalise normalize normalised normalized; initialise initialize initialised initialized; optimise optimize optimised
& optimized; organise organize organised organized; recognise recognize; serialise serialize serialised serialized
summarise summarize summarised summarized; tokenise tokenize tokenised tokenized; analyse analyze analysed analyzed
catalogue catalog; dialogue dialog; programme programmes; cancelled canceled; labelled labeled; travelled traveled
occur occurs appear appears; often frequently; person individual; store save; shop store; kid child
"""
_UP_TO_TWENTY = """
zero ONE two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty
"""
_NUMBERS = {word: str(number) for number, word in enumerate(_UP_TO_TWENTY.split())}
_NUMBERS |= {"thirty": "30", "forty": "40", "fifty": "50", "hundred": "100", "thousand": "1000", "million": "1000000"}

IDLE, CONTENT, WEAK, DECISIVE = range(4)
_WORD = re.compile(r"[^\W\d_]+")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_ENDINGS = ("ations", "ation", "ings", "ing", "ed", "es", "s", "ly", "er", "ers")
"""Endings of inflections; what is left has four letters at least."""


def concept(word: str) -> tuple[int, str]:
    """How much a word in lower case decides (`IDLE`, `CONTENT` or `DECISIVE`), and its concept."""
    word = {"%": "percent", "&": "and"}.get(word, word.replace("'", ""))
    if word in _NUMBERS:
        return DECISIVE, _NUMBERS[word]
    if word in _CONCEPTS:
        return _CONCEPTS[word]
    if not _WORD.fullmatch(word):
        if word[0].isalpha() or word[0] == "_":  # a name of code
            return (IDLE if word == "_" else CONTENT, word)
        return DECISIVE, word.replace(",", "") if _THOUSANDS.fullmatch(word) else word
    if len(word) == 1:
        return (DECISIVE if word.isascii() else CONTENT), word
    return _CONCEPTS.get(stem(word), (CONTENT, stem(word)))


def stem(word: str) -> str:
    """`word` without the endings of inflection."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending).removesuffix("e")
    return word.removesuffix("e") if len(word) > 3 else word


def _read() -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for kind, table in ((CONTENT, _SYNONYMS), (WEAK, _WEAK), (DECISIVE, _DECISIVE)):
        for line in table.replace("\n&", " ").replace("\n", ";").split(";"):
            words = line.split() or [""]
            found.update(dict.fromkeys(words, (kind, f"{kind}:{words[0]}")))
    found.update({word: (IDLE, word) for word in _IDLE.split() if found.get(word, (CONTENT, ""))[0] < WEAK})
    return found


_CONCEPTS = _read()
# Words that many tasks and programs use, and that so tell little of any.
COMMON = frozenset(
    {word for word, (kind, _) in _CONCEPTS.items() if kind != DECISIVE}
    | set(_NUMBERS)
    | {name.lower() for name in (*keyword.kwlist, *dir(builtins))}
    | {"takes", "take", "typing", "self", "result", "results", "candidate", "param", "params", "get", *ascii_lowercase}
)
