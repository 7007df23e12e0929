"""Pictures of all samples of a click on Run as a message of the grid under the player (assets/js/tiles.js)."""

from collections.abc import Mapping

from remdm.views.messages import dumps


def tiles_message(group_id: str, count: int, tiles: Mapping[int, str], titles: Mapping[int, str], focus: int) -> str:
    """Those of `count` tiles that changed.

    Args:
        group_id: which group of runs they belong to; with another one the grid begins anew.
        count: how many samples there are; the grid hides itself for less than two.
        tiles: small pieces of HTML or SVG by sample.
        titles: what stands under them.
        focus: the sample that the player shows.
    """
    given = {str(place): html for place, html in tiles.items()}
    named = {str(place): title for place, title in titles.items()}
    return dumps({"v": 1, "group": group_id, "n": count, "tiles": given, "titles": named, "focus": focus})
