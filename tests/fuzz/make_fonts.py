#!/usr/bin/python3
"""Writes the seeds in tests/fuzz/corpus/font: small fonts of our own shapes for A, B and H, by fontTools (Debian: python3-fonttools)."""
import pathlib

from fontTools.fontBuilder import FontBuilder
from fontTools.misc.psCharStrings import T2CharString
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection

folder = pathlib.Path(__file__).parent / "corpus" / "font"
NAMES = [".notdef", "A", "B", "H"]


def box(pen, left, bottom, right, top):
    pen.moveTo((left, bottom))
    for point in (left, top), (right, top), (right, bottom):
        pen.lineTo(point)
    pen.closePath()


def bow(pen, cubic):
    pen.moveTo((0, 0))
    pen.lineTo((0, 800))
    if cubic:
        pen.curveTo((500, 800), (500, 0), (0, 0))
    else:
        pen.qCurveTo((600, 800), (600, 0), (0, 0))
    pen.closePath()


def finished(builder, weight):
    builder.setupCharacterMap({ord(name): name for name in NAMES[1:]})
    builder.setupHorizontalMetrics({name: (700, 0) for name in NAMES})
    builder.setupHorizontalHeader(ascent=1000, descent=-200)
    if weight is not None:
        builder.setupOS2(usWeightClass=weight)
    builder.setupPost(keepGlyphNames=False)
    builder.font["head"].created = builder.font["head"].modified = 0
    return builder.font


def truetype(weight):
    """A is a bow, B two of them (a composite, the second one halved), H a box."""
    builder = FontBuilder(1000, isTTF=True)
    builder.font.recalcTimestamp = False
    builder.setupGlyphOrder(NAMES)
    glyphs = {".notdef": TTGlyphPen(None).glyph()}
    pen = TTGlyphPen(None)
    bow(pen, False)
    glyphs["A"] = pen.glyph()
    pen = TTGlyphPen(glyphs)
    pen.addComponent("A", (1, 0, 0, 1, 0, 0))
    pen.addComponent("A", (0.5, 0, 0, 0.5, 100, 900))
    glyphs["B"] = pen.glyph()
    pen = TTGlyphPen(None)
    box(pen, 0, 0, 600, 1000)
    glyphs["H"] = pen.glyph()
    builder.setupGlyf(glyphs)
    return finished(builder, weight)


def compact():
    """The same in CFF, cubic, where H is a subroutine's."""
    builder = FontBuilder(1000, isTTF=False)
    builder.font.recalcTimestamp = False
    builder.setupGlyphOrder(NAMES)
    strings = {".notdef": T2CharString(program=["endchar"])}
    for name, scale in ("A", 1), ("B", 2):
        pen = T2CharStringPen(None, None)
        bow(pen, True)
        if name == "B":
            box(pen, 100, 900, 400, 1300)
        strings[name] = pen.getCharString()
    strings["H"] = T2CharString(program=[-107, "callgsubr", "endchar"])
    builder.setupCFF("Seed", {"FullName": "Seed"}, strings, {})
    subroutine = T2CharString(program=[0, 0, "rmoveto", 1000, "vlineto", 600, "hlineto", -1000, "vlineto", "return"])
    builder.font["CFF "].cff.GlobalSubrs.append(subroutine)
    return finished(builder, 700)


for name, font in ("truetype.ttf", truetype(None)), ("thin.ttf", truetype(200)), ("cff.otf", compact()):
    font.save(folder / name)
collection = TTCollection()
collection.fonts = [truetype(400), truetype(700)]
collection.save(folder / "collection.ttc")
