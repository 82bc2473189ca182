"""People-like figures and the square they walk on, drawn with OpenCV."""
from __future__ import annotations

import colorsys
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Color = tuple[float, float, float]

SHIFT = 4
# Width of a box over its height: a walking adult with the legs apart.
BOX_ASPECT = 0.46
PATTERNS = ('plain', 'stripes', 'blocks', 'jacket')
SKIN: tuple[Color, ...] = ((148, 180, 224), (110, 150, 205), (80, 115, 170), (50, 75, 120))
HAIR: tuple[Color, ...] = ((30, 30, 35), (35, 60, 95), (70, 120, 170), (130, 130, 135))


@dataclass(frozen=True)
class Look:
    """
    What tells a figure from another.

    Colours are (blue, green, red), 0 to 255.

    :param height: body height in metres; :param build: width, 1 is usual.
    :param stride: seconds per pair of steps.
    """

    shirt: Color
    second: Color
    trousers: Color
    shoes: Color
    skin: Color
    hair: Color
    pattern: str
    bag: Color | None
    long_hair: bool
    height: float
    build: float
    stride: float


def random_look(random: np.random.Generator, number: int) -> Look:
    """Return the look of figure ``number``; its shirt's hue is far from its neighbours'."""

    def cloth(hue: float, strong: float, bright: float) -> Color:
        red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, strong, bright)
        return 255 * blue, 255 * green, 255 * red

    hue = number * 0.618 + random.uniform(-0.03, 0.03)
    dark = random.uniform(0.2, 0.45)
    return Look(
        shirt=cloth(hue, random.uniform(0.3, 0.8), random.uniform(0.45, 0.85)),
        second=cloth(hue + random.uniform(0.3, 0.6), random.uniform(0.1, 0.5),
                     random.uniform(0.6, 0.95)),
        trousers=cloth(random.choice([0.6, 0.62, 0.09, 0.0]), random.uniform(0.1, 0.5), dark),
        shoes=cloth(random.uniform(0, 1), 0.2, random.choice([0.12, 0.2, 0.8])),
        skin=SKIN[random.integers(len(SKIN))], hair=HAIR[random.integers(len(HAIR))],
        pattern=PATTERNS[number % len(PATTERNS)],
        bag=cloth(random.uniform(0, 1), 0.5, 0.4) if random.random() < 0.45 else None,
        long_hair=bool(random.random() < 0.4), height=random.uniform(1.6, 1.88),
        build=random.uniform(0.9, 1.12), stride=random.uniform(0.95, 1.15))


class _Brush:
    """Draws shapes given in body heights from a foot point, on an image and on a silhouette."""

    def __init__(self, image: Image, silhouette: Image, foot: tuple[float, float],
                 size: float) -> None:
        self._targets = (image, silhouette)
        self._foot = np.array(foot)
        self._size = size

    def _points(self, points: object) -> NDArray[np.int32]:
        flipped = np.asarray(points, dtype=np.float64) * (1, -1) * self._size + self._foot
        return np.asarray(np.round(flipped * (1 << SHIFT)), dtype=np.int32)

    def polygon(self, points: object, color: Color) -> None:
        fixed = self._points(points)
        for target, ink in zip(self._targets, (color, (255.0,))):
            cv2.fillPoly(target, [fixed], ink, cv2.LINE_AA, SHIFT)

    def ellipse(self, middle: tuple[float, float], axes: tuple[float, float],
                color: Color) -> None:
        center = self._points([middle])[0]
        fixed = [max(1, round(axis * self._size * (1 << SHIFT))) for axis in axes]
        for target, ink in zip(self._targets, (color, (255.0,))):
            cv2.ellipse(target, (int(center[0]), int(center[1])), (fixed[0], fixed[1]), 0, 0,
                        360, ink, cv2.FILLED, cv2.LINE_AA, SHIFT)

    def limb(self, joints: object, widths: tuple[float, ...], color: Color) -> None:
        """Draw a chain of tapering capsules: K joints, K widths."""
        path = np.asarray(joints, dtype=np.float64)
        for start, end, wide, narrow in zip(path, path[1:], widths, widths[1:]):
            along = end - start
            normal = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9) / 2
            self.polygon([start + normal * wide, end + normal * narrow, end - normal * narrow,
                          start - normal * wide], color)
        for joint, width in zip(path, widths):
            self.ellipse((float(joint[0]), float(joint[1])), (width / 2, width / 2), color)


def _shade(color: Color, factor: float) -> Color:
    blue, green, red = (min(255.0, channel * factor) for channel in color)
    return blue, green, red


def draw_figure(image: Image, silhouette: Image, look: Look, foot: tuple[float, float],
                size: float, phase: float, facing: float) -> None:
    """
    Draw a figure and its silhouette.

    :param image: (H, W, 3) uint8, drawn on; :param silhouette: (H, W) uint8, set to 255.
    :param foot: where it stands, pixels; :param size: body height, pixels.
    :param phase: of the walk, radians; :param facing: 1 walks right, -1 left, 0 towards us;
        also scales the swing of the limbs.
    """
    brush = _Brush(image, silhouette, foot, size)
    side = max(abs(facing), 0.25)
    sign = 1.0 if facing >= 0 else -1.0
    swing = np.sin(phase)
    bob = 0.008 * np.cos(2 * phase)
    hip, shoulder = 0.50 + bob, 0.81 + bob
    half = look.build * (0.085 if side > 0.6 else 0.105)

    def leg(turn: float, offset: float, light: float) -> None:
        angle = 0.36 * turn * side
        lift = max(0.0, float(np.cos(phase)) * (1 if turn is swing else -1)) * 0.05
        knee = (offset + sign * 0.24 * np.sin(angle), hip - 0.24 * np.cos(angle))
        foot_at = (offset + sign * (0.47 * np.sin(angle) - 0.7 * lift), 0.03 + lift)
        brush.limb([(offset, hip), knee, foot_at],
                   (0.1 * look.build, 0.075 * look.build, 0.05), _shade(look.trousers, light))
        toe = sign * 0.055 * side
        brush.limb([foot_at, (foot_at[0] + toe, foot_at[1] - 0.012)], (0.05, 0.036),
                   _shade(look.shoes, light))

    def arm(turn: float, offset: float, light: float) -> None:
        angle = 0.42 * turn * side
        elbow = (offset + sign * 0.17 * np.sin(angle), shoulder - 0.02 - 0.17 * np.cos(angle))
        hand = (elbow[0] + sign * 0.15 * np.sin(angle + 0.35 * side),
                elbow[1] - 0.15 * np.cos(angle + 0.35 * side))
        brush.limb([(offset, shoulder - 0.03), elbow, hand], (0.062, 0.052, 0.042),
                   _shade(look.shirt, light))
        brush.ellipse((float(hand[0]), float(hand[1])), (0.022, 0.026), _shade(look.skin, light))

    spread = half * 0.45 * (1.3 - side)
    arm(swing, -half * (1.05 - 0.7 * side), 0.72)
    leg(-swing, -spread, 0.78)
    leg(swing, spread, 1.0)
    if look.bag is not None:
        brush.polygon([(-sign * half * 0.5, 0.79), (-sign * (half + 0.07), 0.76),
                       (-sign * (half + 0.08), 0.58), (-sign * half * 0.5, 0.56)], look.bag)
    _torso(brush, look, half, hip, shoulder)
    head = (sign * 0.015 * side, 0.925 + bob)
    if look.long_hair:
        brush.ellipse((head[0] - sign * 0.028 * side, head[1] - 0.025), (0.06, 0.085), look.hair)
    brush.ellipse((head[0], 0.855 + bob), (0.028, 0.04), _shade(look.skin, 0.85))
    brush.ellipse(head, (0.05, 0.066), look.skin)
    brush.ellipse((head[0] - sign * 0.014 * side, head[1] + 0.026), (0.054, 0.048), look.hair)
    arm(-swing, half * (1.05 - 0.7 * side), 1.05)


def _torso(brush: _Brush, look: Look, half: float, hip: float, shoulder: float) -> None:
    def across(height: float) -> float:
        return half * (0.86 + 0.28 * (height - hip) / (shoulder - hip))

    def band(low: float, high: float, color: Color, left: float = -1.0,
             right: float = 1.0) -> None:
        brush.polygon([(left * across(low), low), (left * across(high), high),
                       (right * across(high), high), (right * across(low), low)], color)

    low, high = hip - 0.03, shoulder + 0.015
    brush.limb([(-half * 0.75, shoulder - 0.015), (half * 0.75, shoulder - 0.015)],
               (0.075, 0.075), look.shirt)
    band(low, high, look.shirt)
    if look.pattern == 'stripes':
        for start in np.arange(low + 0.03, high - 0.04, 0.075):
            band(start, start + 0.032, look.second)
    elif look.pattern == 'blocks':
        band(low + 0.14, high, look.second)
    elif look.pattern == 'jacket':
        band(low + 0.01, high, look.second, -0.25, 0.25)
    band(low, high, _shade(look.shirt, 0.7), -1.0, -0.72)
    band(low - 0.015, low + 0.012, _shade(look.trousers, 0.6))


def draw_square(width: int, height: int, horizon: float, random: np.random.Generator) -> Image:
    """Return (H, W, 3) uint8: a paved square before a row of houses, ``horizon`` in pixels."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    rows = np.linspace(0, 1, height)[:, None, None]
    image[:] = np.uint8(np.array((235, 205, 170)) * (1 - rows) + np.array((240, 232, 222)) * rows)
    ground = round(horizon * 1.35)
    left = -20
    number = 0
    while left < width:
        wide = int(random.integers(round(0.16 * width), round(0.26 * width)))
        _draw_house(image, left, wide, ground, number, random)
        left += wide
        number += 1
    y, x = np.mgrid[ground:height, 0:width]
    depth = 1.0 / (y - horizon)
    # Paving slabs: lines that meet at the vanishing point, and rows that close up towards it.
    across = np.floor((x - width / 2) * depth * 9).astype(int)
    along = np.floor(depth * 9 * height * 0.55).astype(int)
    tone = random.uniform(-9, 9, (64, 64))[across % 64, along % 64]
    near = (y - ground) / (height - ground)
    image[ground:] = np.clip(
        np.array((158, 166, 172)) + (tone + 16 * near)[..., None], 0, 255).astype(np.uint8)
    joints = (np.diff(across, axis=1, prepend=across[:, :1]) != 0) | (
        np.diff(along, axis=0, prepend=along[:1]) != 0)
    image[ground:][joints] = np.uint8(0.88 * image[ground:][joints])
    cv2.rectangle(image, (0, ground - 3), (width, ground + 3), (120, 126, 130), cv2.FILLED)
    grain = random.normal(0, 3.0, image.shape)
    return cv2.GaussianBlur(np.clip(image + grain, 0, 255).astype(np.uint8), (3, 3), 0).astype(
        np.uint8, copy=False)


def _draw_house(image: Image, left: int, wide: int, ground: int, number: int,
                random: np.random.Generator) -> None:
    walls: tuple[Color, ...] = ((150, 178, 200), (168, 186, 190), (140, 152, 186),
                                (176, 170, 160), (130, 172, 196))
    wall = _shade(walls[number % len(walls)], random.uniform(0.85, 1.05))
    top = int(ground * random.uniform(0.02, 0.16))
    cv2.rectangle(image, (left, top), (left + wide, ground), wall, cv2.FILLED)
    cv2.rectangle(image, (left, top), (left + wide, top + max(3, ground // 30)),
                  _shade(wall, 0.7), cv2.FILLED)
    cv2.line(image, (left, top), (left, ground), _shade(wall, 0.75), 2)
    columns = max(2, wide // max(1, round(ground * 0.3)))
    pitch = wide / columns
    for column in range(columns):
        x = round(left + pitch * (column + 0.28))
        for level in range(2):
            y = round(top + (ground - top) * (0.13 + 0.29 * level))
            end = (round(x + pitch * 0.44), round(y + (ground - top) * 0.2))
            glass = _shade((120, 100, 80), random.uniform(0.6, 1.3))
            cv2.rectangle(image, (x, y), end, glass, cv2.FILLED)
            cv2.rectangle(image, (x, y), end, (232, 236, 238), 2)
            cv2.line(image, ((x + end[0]) // 2, y), ((x + end[0]) // 2, end[1]),
                     (232, 236, 238), 1)
    shop = round(ground - (ground - top) * 0.3)
    cv2.rectangle(image, (left + 8, shop), (left + wide - 8, ground), (70, 62, 56), cv2.FILLED)
    blue, green, red = random.integers(60, 190, 3)
    awning: Color = (float(blue), float(green), float(red))
    cv2.rectangle(image, (left + 4, shop - 4), (left + wide - 4, shop + 12), awning, cv2.FILLED)


def draw_pillar(image: Image, foot: tuple[float, float], height: float, width: float) -> None:
    """Draw an advertising pillar; :param foot: pixels, as height and width."""
    x, y = foot
    half = width / 2
    top = round(y - height)
    shade = (0.72 + 0.38 * np.cos(np.linspace(-1.2, 1.0, max(2, round(width)))))[None, :, None]
    first = round(x - half)
    target = image[max(0, top):round(y), max(0, first):first + shade.shape[1]]
    target[:] = np.clip(np.array((96, 122, 104)) * shade[:, :target.shape[1]], 0, 255)
    posters = ((0.16, 0.46, (70, 90, 190)), (0.5, 0.8, (190, 170, 80)))
    for low, high, color in posters:
        part = image[round(y - height * high):round(y - height * low),
                     round(x - half * 0.75):round(x + half * 0.75)]
        part[:] = np.clip(0.35 * part + 0.65 * np.array(color), 0, 255)
        inner = part[part.shape[0] // 4:part.shape[0] // 2, part.shape[1] // 5:-part.shape[1] // 5]
        inner[:] = np.clip(inner * 0.3 + 170, 0, 255)
    cv2.ellipse(image, (round(x), top), (round(half * 1.15), round(half * 0.3)), 0, 0, 360,
                (60, 78, 66), cv2.FILLED, cv2.LINE_AA)
    cv2.ellipse(image, (round(x), round(y)), (round(half * 1.05), round(half * 0.2)), 0, 0, 180,
                (60, 78, 66), cv2.FILLED, cv2.LINE_AA)
