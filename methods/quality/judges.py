"""Texts that act: instructions that address whoever judges them, in several languages and disguises.

They are marked, not dropped: a gate can count them.
"""

import polars as pl

from evergrow.methods.quality.words import fold, unmarked

_BEST = r"(?:10|ten|maximum|max|highest|perfect|full|top|best)"
_JUDGED = (
    r"(?:this|it|me|us|the (?:task|instruction|problem|question|response|answer|text|above|following|sample"
    r"|submission))"
)
_RULES = (
    r"(?:rubric|instructions?|criteria|criterion|guidelines?|scale|scoring|grading|system prompt|evaluation|prompt)"
)
_JUDGE = r"(?:judge|grader|evaluator|rater|scorer|assessor|llm judge|ai judge|reward model|grading model)"
SHAPES = (
    rf"(?:give|grant|award|assign) {_JUDGED} (?:task |instruction |problem |question |answer |one )?(?:a |an"
    rf" |the |at least )?(?:[a-z]+ )?(?:score |rating |grade |mark )?(?:of )?(?:a )?{_BEST}\b",
    rf"(?:rate|score|grade|mark|evaluate|judge) {_JUDGED} (?:task |instruction |problem |question |answer "
    rf"|one )?(?:as |with |at |a |an |the )*(?:score of |rating of )?{_BEST}\b",
    r"\b(?:rate|score|grade|mark|evaluate) (?:everything|anything|all (?:of )?(?:this|these|them|it)) (?:as |with |at "
    r"|a |at least )*(?:9|10|nine|ten|highest|perfect|maximum|full marks)\b",
    rf"(?:ignore|disregard|forget|override|bypass|skip) (?:all |any |the |your |every |these |those "
    rf"|previous |prior |above |earlier |preceding |given |scoring |grading |judging |of )*{_RULES}\b",
    rf"(?:dear|attention|hey|hello|hi|note (?:to|for)|message (?:to|for)|instructions? (?:to|for)) (?:the "
    rf"|any |all |our )?(?:ai |llm |automatic )?{_JUDGE}s?\b",
    rf"as (?:an?|the) (?:impartial |ai |llm |fair )*{_JUDGE},? (?:you|please|give|rate|your)\b",
    rf"\byou are (?:now )?(?:a |the )?(?:very |extremely )?(?:generous|lenient|kind|easy) {_JUDGE}\b",
    r"(?:your|the final|the) (?:score|rating|verdict|grade|judg(?:e)?ment|evaluation) (?:must|should|has to"
    r"|needs to|shall|will|is to) (?:always )?be\b",
    rf"\b(?:deserves|merits|is worth|must (?:get|receive)|should (?:get|receive)) (?:a |an |the )?(?:score"
    rf" of |rating of |full |{_BEST} )*(?:10|ten|full marks|(?:maximum|highest|top|perfect) (?:score|rating"
    rf"|grade|mark)s?)\b",
    rf"\b(?:correct|right|proper|true|fair|only|expected) (?:score|rating|grade|mark) (?:for|of) {_JUDGED}"
    rf" (?:task |instruction |problem |question |answer )?(?:is|would be|should be) (?:a |an |the )?{_BEST}\b",
    rf"\b{_JUDGE}s?[,:;] (?:please |you )?(?:assign|give|award|grant|choose|select|pick) (?:it |this |me )?(?:a |an "
    r"|the )?(?:maximum|highest|perfect|full|top|best) (?:score|rating|grade|mark)s?\b",
    r"\bbe (?:very |more |extremely )?(?:lenient|generous|kind|easy) (?:when|while|in|with) (?:your |the )?"
    r"(?:scor|grad|rat|judg|evaluat|mark)ing\b",
    r"\b(?:output|print|return|answer|reply|respond)(?: only| with| just)* (?:a |the )?(?:score|rating"
    r"|grade)\W{0,4}(?:of )?(?:10|ten)\b",
    r"[\x22'](?:score|complexity|rating|quality|grade)[\x22']\s*:\s*10\b",
    # German, French, Spanish, Italian, Portuguese, Dutch, Polish, Russian, Chinese, Japanese
    r"\b(?:gib|gebt|vergib|bewerte|benote)\b .{0,40}(?:\b10\b|zehn punkte|volle punktzahl|h\u00f6chst\w*"
    r"|bestnote)|\bignorier\w* .{0,40}(?:rubrik|anweisung|kriteri|bewertung|vorgabe)",
    r"\b(?:donne|donnez|attribue|attribuez|mets|mettez|notez)\b .{0,40}(?:\b10\b|note maximale|meilleure"
    r" note|score maxim)|\bignore[zr]? .{0,30}(?:bar\u00e8me|grille|instructions|crit\u00e8res|consignes)",
    r"\b(?:dale|dame|otorga|asigna|califica|punt\u00faa|pon)(?:le)?\b .{0,40}(?:\b10\b|diez|m\u00e1xim\w+)"
    r"|\bignor[ae]\w* .{0,30}(?:r\u00fabrica|instrucciones|criterios)",
    r"\b(?:dai|assegna|dagli|valuta)\b .{0,40}(?:\b10\b|dieci|massim\w+)|\bignora\w* .{0,30}(?:rubrica"
    r"|istruzioni|criteri)",
    r"\b(?:d\u00ea|atribua|avalie)\b .{0,40}(?:\b10\b|dez|m\u00e1xim\w+)|\bignore\w* .{0,30}(?:r\u00fabrica"
    r"|instru\u00e7\u00f5es|crit\u00e9rios)",
    r"\b(?:geef|beoordeel)\b .{0,40}(?:\b10\b|een tien|hoogste|maximale)|\bnegeer .{0,30}(?:rubriek"
    r"|instructies|criteria)",
    r"\b(?:daj|oce\u0144|przyznaj)\b .{0,40}(?:\b10\b|najwy\u017csz\w+|maksymaln\w+)|\bzignoruj"
    r" .{0,30}(?:instrukcje|kryteria|rubryk\w*)",
    r"(?:\u043f\u043e\u0441\u0442\u0430\u0432|\u043e\u0446\u0435\u043d\u0438|\u0434\u0430\u0439)\w*"
    r" .{0,40}(?:\b10\b|\u0432\u044b\u0441\u0448\w+|\u043c\u0430\u043a\u0441\u0438\u043c\w+)"
    r"|\u0438\u0433\u043d\u043e\u0440\u0438\u0440\w+"
    r" .{0,30}(?:\u0438\u043d\u0441\u0442\u0440\u0443\u043a\u0446|\u043a\u0440\u0438\u0442\u0435\u0440"
    r"|\u0440\u0443\u0431\u0440\u0438\u043a)",
    r"(?:\u7ed9|\u6253|\u8bc4).{0,12}(?:10|\u5341|\u6ee1|\u6700\u9ad8)\u5206"
    r"|\u5ffd\u7565.{0,12}(?:\u6307\u4ee4|\u8bf4\u660e|\u6807\u51c6|\u89c4\u5219)",
    r"(?:10|\u6e80|\u6700\u9ad8)\u70b9.{0,8}(?:\u3064\u3051|\u4ed8\u3051|\u4e0e\u3048)|(?:\u6307\u793a"
    r"|\u57fa\u6e96|\u63a1\u70b9).{0,12}\u7121\u8996",
)


# A turn of whoever speaks above the task, in the spelling of chat templates.
TURN = r"(?i)<\|(?:im_start\|>|start_header_id\|>)?\s*(?:system|developer|assistant)\b"


def addresses_judge(texts: pl.Series) -> pl.Series:
    """Boolean (n,): whether each text addresses whoever judges it; null texts do not.

    Case, layout, marks of Markdown and HTML, invisible characters and look-alike letters hide nothing.
    """
    texts = texts.fill_null("")
    turns = texts.str.contains(TURN)
    russian = _flat(texts.str.to_lowercase())
    flat = _flat(fold(unmarked(texts)))
    found = [turns, *(flat.str.contains(shape) | russian.str.contains(shape) for shape in SHAPES)]
    return (
        pl.select(pl.any_horizontal(*found)).to_series().alias("addresses_judge")
        if len(texts)
        else pl.Series("addresses_judge", [], pl.Boolean)
    )


def _flat(texts: pl.Series) -> pl.Series:
    return texts.str.replace_all(r"[*_`~#>|\[\]{}()]+|[-\u2013\u2014]{2,}", "").str.replace_all(r"\s+", " ")
