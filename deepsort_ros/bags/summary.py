"""What came of tracking a bag."""
from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field


@dataclass
class BagSummary:
    """
    What came of a bag.

    :param images: image messages read; :param detections: detection messages read.
    :param boxes: detections in those that were tracked.
    :param frames: TrackArrays written; :param ids: different published tracks.
    :param sessions: 1 + resets; :param crops: features computed.
    :param dropped: messages that led to no TrackArray, by reason.
    :param image_errors: frames tracked without their image, which could not be read.
    :param ignored: detections left out, by reason.
    :param encoder_error: why features are missing from some frame on.
    :param damage: what of the bag could not be read, empty when all was.
    :param notes: what was assumed about the bag, a sentence each.
    :param apart: how far the first stamps of both topics are apart, where it is far.
    :param interrupted: Ctrl-C ended it; what is written so far is a whole bag.
    :param world: images whose camera motion was followed, without a pose, with one that jumped.
    :param without: images that lacked an input of the world, by input; :param world_problems: why
        the last of them did.
    """

    images: int = 0
    detections: int = 0
    boxes: int = 0
    frames: int = 0
    ids: int = 0
    sessions: int = 1
    crops: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    image_errors: int = 0
    ignored: dict[str, int] = field(default_factory=dict)
    encoder_error: str | None = None
    damage: str = ''
    notes: list[str] = field(default_factory=list)
    apart: str = ''
    interrupted: bool = False
    seconds: float = 0.0
    world: dict[str, int] = field(default_factory=dict)
    without: dict[str, int] = field(default_factory=dict)
    world_problems: dict[str, str] = field(default_factory=dict)

    @property
    def nothing(self) -> str:
        """Return why there are no tracks in one sentence, an empty text where there are some."""
        if self.frames or self.interrupted:
            return ''
        return (f'no image has detections of its stamp, so there are no tracks ({self.images} '
                f'images, {self.detections} detection messages){self.apart}')
