"""A scene as SVG."""

from base64 import b64encode
from html import escape

from lichen.explain.pictures.scene import Bitmap, Box, Label, Line, Scene, Shape

_FONT = "DejaVu Sans Mono, Noto Sans Mono CJK SC, Noto Sans CJK SC, Menlo, Consolas, monospace"


def svg_of(scene: Scene) -> str:
    """The picture as a document of its own; equal scenes give equal text."""
    width, height = _number(scene.width), _number(scene.height)
    title = _escaped(scene.title)
    inside = "\n".join(_shape(one) for one in scene.shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" font-family="{_FONT}">\n'
        f"<title>{title}</title>\n"
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n{inside}\n</svg>\n'
    )


def _shape(one: Shape) -> str:
    match one:
        case Box():
            return _box(one)
        case Line():
            dash = f' stroke-dasharray="{_number(one.dash)}"' if one.dash else ""
            return (
                f'<line x1="{_number(one.x1)}" y1="{_number(one.y1)}" x2="{_number(one.x2)}" '
                f'y2="{_number(one.y2)}" stroke="{one.stroke}" '
                f'stroke-width="{_number(one.width)}"{dash}/>'
            )
        case Label():
            return _label(one)
        case Bitmap():
            data = b64encode(one.png).decode()
            return (
                f'<image x="{_number(one.x)}" y="{_number(one.y)}" width="{_number(one.width)}" '
                f'height="{_number(one.height)}" preserveAspectRatio="none" '
                f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
            )


def _box(one: Box) -> str:
    opacity = f' fill-opacity="{_number(one.opacity)}"' if one.opacity < 1 else ""
    stroke = f' stroke="{one.stroke}"' if one.stroke else ""
    return (
        f'<rect x="{_number(one.x)}" y="{_number(one.y)}" width="{_number(one.width)}" '
        f'height="{_number(one.height)}" fill="{one.fill}"{opacity}{stroke}/>'
    )


def _label(one: Label) -> str:
    more = f' text-anchor="{one.anchor}"' if one.anchor != "start" else ""
    more += ' font-weight="bold"' if one.is_bold else ""
    if one.width is not None:
        more += f' textLength="{_number(one.width)}" lengthAdjust="spacingAndGlyphs"'
    return (
        f'<text x="{_number(one.x)}" y="{_number(one.y)}" font-size="{_number(one.size)}" '
        f'fill="{one.fill}"{more}>{_escaped(one.text)}</text>'
    )


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _escaped(text: str) -> str:
    """Without what XML has no place for."""
    return escape("".join(sign if sign.isprintable() else " " for sign in text))
