"""Which change a word states of a site: 视神经增粗 is another one than 基底动脉增粗, and sulci do not swell."""

from functools import cache
from importlib.resources import files
from typing import cast

from pydantic import BaseModel, ConfigDict

from selip_contracts.vocabulary import Change, ancestors
from selip_extract.language.lexicon import SiteName
from selip_shared.toml_files import read_toml


class _ChangesOfSites(BaseModel):
    """The table of changes_of_sites.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    never: dict[Change, tuple[SiteName, ...]]


@cache
def _never() -> dict[Change, tuple[SiteName, ...]]:
    return read_toml(files("selip_extract.rules").joinpath("changes_of_sites.toml"), _ChangesOfSites).never


def is_within(site: str, region: str) -> bool:
    """Whether the site is the region or a part of it."""
    return site == region or region in ancestors(site)


def is_of_the_brain(site: str) -> bool:
    """Whether the site is brain tissue."""
    return is_within(site, "脑实质")


def change_at(site: str, word: str, change: str) -> str | None:
    """The change that a word states of a site, given the one that it states of most sites; None where it states none.

    视神经增粗: a nerve grows thick, a vessel wide; 小脑蚓部变小: the brain shrinks, a ventricle narrows;
    脑室饱满: it is wide.
    """
    nerve = site in ("视交叉", "垂体柄", "视束", "视神经", "眼外肌") or is_within(site, "颅神经")
    if "增粗" in word and nerve:
        return "增厚"
    if word.endswith("小") and "受压" not in word and word != "狭小" and is_of_the_brain(site):
        return "萎缩"
    if word.endswith("细") and (nerve or is_of_the_brain(site)):
        return "萎缩"
    if word.endswith("饱满") and is_within(site, "脑室系统"):
        return "扩大"
    if "变薄" in word and is_within(site, "颅骨"):
        return None
    if word == "中断" and not is_within(site, "血管"):  # 纤维束中断
        return None
    never = _never().get(cast(Change, change), ())
    return None if any(is_within(site, region) for region in never) else change
