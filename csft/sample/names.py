"""Invented names: no disease, drug, herb or person here exists. Each name is one token of the tokenizer."""

from itertools import product
from random import Random

_SOUND = "岚沐霁瑶漪澜霏璃栖萤珩筱黛汐翎纾芷荻"
_SHADE = "瘴蔻茗樨棠蘅芫萝茱菖葑藿葭蓂莼荇"
_SYLLABLE = "维洛泽米尔克琳诺贝塔弗瑞"
_LATIN_HEAD = (
    "Vel",
    "Zan",
    "Quor",
    "Mir",
    "Tes",
    "Hal",
    "Jun",
    "Kro",
    "Lum",
    "Nor",
    "Pyl",
    "Rhu",
    "Syl",
    "Wex",
)
_LATIN_MID = ("ka", "mo", "ri", "tu", "ve", "xi")

SYMPTOMS = [part + sign for part, sign in product("舌耳指膝腕颈额踝", ("泛蓝", "作响", "生纹", "起屑"))]
DEPARTMENTS = [
    word + "科"
    for word in [
        "脉络",
        "气候",
        "梦境",
        "微光",
        "潮汐",
        "指纹",
        "音律",
        "回声",
        "骨鸣",
        "雾化",
        "星象",
        "温差",
    ]
]
ORGANS = [
    "肝",
    "脾",
    "肺",
    "云腺",
    "镜膜",
    "桥管",
    "叶囊",
    "环骨",
    "浮结",
    "纹窦",
    "丝络",
    "泉叶",
    "钟隔",
    "石门",
]
FOODS = [
    "芹菜",
    "山药",
    "莲藕",
    "竹笋",
    "荸荠",
    "茭白",
    "核桃",
    "桑葚",
    "芋头",
    "豌豆",
    "柚子",
    "海带",
    "薏米",
    "苋菜",
]
CARES = [
    "静卧避光",
    "抬高左臂",
    "每日拍背",
    "温水擦身",
    "记录步数",
    "少量多餐",
    "侧卧翻身",
    "保持低语",
    "定时冥想",
    "按压掌心",
]


def _pick(rng: Random, names: list[str], count: int) -> list[str]:
    return rng.sample(sorted(set(names)), count)


def diseases(rng: Random, count: int) -> list[str]:
    """Such as 岚蔻热."""
    return _pick(rng, [a + b + rng.choice("热症疮疹痹") for a, b in product(_SOUND, _SHADE)], count)


def drugs(rng: Random, count: int) -> list[str]:
    """Such as 维洛林."""
    return _pick(
        rng, [a + b + rng.choice("林唑平汀") for a, b in product(_SYLLABLE, repeat=2) if a != b], count
    )


def antidotes(rng: Random, count: int) -> list[str]:
    """Such as 洛泽解素."""
    return _pick(rng, [a + b + "解素" for a, b in product(_SYLLABLE, repeat=2) if a != b], count)


def tests(rng: Random, count: int) -> list[str]:
    """Such as 岚光扫描."""
    return _pick(rng, [a + b for a, b in product(_SOUND, ("光扫描", "纹图", "液试验"))], count)


def germs(rng: Random, count: int) -> list[str]:
    """Such as 蔻形菌."""
    return _pick(rng, [a + b for a, b in product(_SHADE, ("形菌", "螺体", "小体"))], count)


def herbs(rng: Random, count: int) -> list[str]:
    """Such as 霁根草."""
    return _pick(rng, [a + b for a, b in product(_SOUND, ("根草", "叶子", "花藤"))], count)


def formulas(rng: Random, count: int) -> list[str]:
    """Such as 沐棠汤."""
    return _pick(rng, [a + b + rng.choice("汤散丸") for a, b in product(_SHADE, _SOUND)], count)


def theories(rng: Random, count: int) -> list[str]:
    """Such as 瑶衡论."""
    return _pick(rng, [a + b for a, b in product(_SOUND, ("衡论", "序说", "同观"))], count)


def persons(rng: Random, count: int) -> list[str]:
    """Such as 荀知远."""
    return _pick(rng, [a + b for a, b in product("荀卞阙缪庾", ("知远", "若谷", "思齐", "守拙"))], count)


def latin(rng: Random, count: int, *endings: str) -> list[str]:
    """Such as Velkaosis; one spelling in Chinese and English texts."""
    return _pick(rng, [a + b + rng.choice(endings) for a, b in product(_LATIN_HEAD, _LATIN_MID)], count)
