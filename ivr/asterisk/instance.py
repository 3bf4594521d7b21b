"""The private Asterisk of an instance, as its settings say."""

from ivr.asterisk.bundle import last_resort
from ivr.asterisk.conf import InstanceSettings
from ivr.asterisk.fetch import find_asterisk
from ivr.asterisk.private import PrivateAsterisk
from ivr.settings import Settings


def private_of(settings: Settings, offset: float) -> PrivateAsterisk:
    """`offset`: seconds by which the instance's clock is ahead. To start it, or to ask the one that runs (`cli`)."""
    return PrivateAsterisk(find_asterisk(settings.asterisk), instance_of(settings, offset))


def instance_of(settings: Settings, offset: float) -> InstanceSettings:
    """What an Asterisk must be told of the instance that it serves."""
    prompts = last_resort(settings.bundle)
    return InstanceSettings(
        base=settings.asterisk_base,
        sip=str(settings.sip),
        ari=str(settings.ari),
        rtp=(settings.rtp.first, settings.rtp.last),
        sounds=settings.sounds,
        fallback_dir=settings.messages,
        neutral_prompt=prompts / "record.wav",
        thanks_prompt=prompts / "thanks.wav",
        system_name=f"ivr{settings.engine}",
        app=f"ivr-{settings.engine}",
        clock_offset=offset,
    )


def share_recordings(settings: Settings) -> None:
    """What the private Asterisk records lands where everybody reads it."""
    spool = settings.asterisk_base / "spool"
    spool.mkdir(parents=True, exist_ok=True)
    settings.messages.mkdir(parents=True, exist_ok=True)
    link, recordings = spool / "recording", settings.recordings.resolve()
    if link.resolve() != recordings:  # the first start, or IVR_RECORDINGS has changed
        link.unlink(missing_ok=True)
        link.symlink_to(recordings)
