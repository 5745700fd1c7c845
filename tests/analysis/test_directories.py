from __future__ import annotations

from maestro_ray.analysis.directories import MOST, Directory, directories
from maestro_ray.analysis.listing import Listed


def test_two_levels_with_all_that_is_below() -> None:
    paths = ("a.py", "src/a.py", "src/shop/b.py", "src/shop/deep/er/c.ts", "docs/x.md", "node_modules/y/z.js")
    assert directories([Listed(path, 10) for path in paths]) == [
        Directory("docs", 1, 10, ""), Directory("src", 3, 30, "Python"), Directory("src/shop", 2, 20, "Python"),
    ]  # fmt: skip


def test_of_very_many_the_upper_and_the_largest_are_shown() -> None:
    files = [Listed(f"d{number:03}/x/f.py", 1) for number in range(MOST - 1)]
    found = directories([*files, Listed("d000/big/1.py", 1), Listed("d000/big/2.py", 1)])
    assert len(found) == MOST
    assert [each.path for each in found][:3] == ["d000", "d000/big", "d001"]
