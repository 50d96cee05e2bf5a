"""The live feeds, and which of them are configured.

Stage 20, collect. `thor up --live` starts the collectors of those that are.
"""

import msgspec

from thor.config import Settings
from thor.errors import Rejected


class Feed(msgspec.Struct, frozen=True):
    """A live feed: its name as a data provider, its job, and the setting that configures it."""

    provider: str
    job: str
    setting: str

    def is_configured(self, settings: Settings) -> bool:
        """Return whether its setting has a value."""
        return getattr(settings, self.setting.removeprefix("THOR_").lower()) is not None


FEEDS = (Feed("excel_live", "poll_tos_excel", "THOR_EXCEL_FILE"),)


def configured(settings: Settings) -> list[Feed]:
    """Return the feeds to start: the data provider, or all that are configured.

    Raises `Rejected` for an unknown provider, or one that lacks its setting.
    """
    wanted = settings.data_provider
    if wanted is None:
        return [feed for feed in FEEDS if feed.is_configured(settings)]
    found = [feed for feed in FEEDS if feed.provider == wanted]
    if not found:
        providers = ", ".join(feed.provider for feed in FEEDS)
        raise Rejected(f"THOR_DATA_PROVIDER: {wanted!r} is none of {providers}")
    if not found[0].is_configured(settings):
        raise Rejected(f"THOR_DATA_PROVIDER: {wanted} needs {found[0].setting}; set it too")
    return found
