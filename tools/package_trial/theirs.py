"""An Asterisk that was in that Debian before us: a unit of its own, the user asterisk, a dialplan of its own."""

import shutil
from pathlib import Path

from ivr.asterisk.fetch import find_asterisk
from tests.asterisk.instances import InstancePorts
from tests.asterisk.somebody import PJSIP
from tools.package_trial.debian import Debian

HOME = "opt/asterisk"
UNIT = """\
[Unit]
Description=somebody's Asterisk
[Service]
User=asterisk
Group=asterisk
RuntimeDirectory=asterisk
ExecStart=/usr/sbin/asterisk -f
Restart=always
[Install]
WantedBy=multi-user.target
"""
EXTENSIONS = """\
[general]
[from-somebody]
exten => 700,1,Answer()
 same => n,Echo()
exten => 05031859076,1,Goto(ivr-in,${EXTEN},1)
"""
DIRECTORIES = """\
[directories]
astetcdir = /etc/asterisk
astmoddir = {modules}
astvarlibdir = /var/lib/asterisk
astdbdir = /var/lib/asterisk
astkeydir = /var/lib/asterisk
astdatadir = /usr/share/asterisk
astagidir = /usr/share/asterisk/agi-bin
astspooldir = /var/spool/asterisk
astrundir = /run/asterisk
astlogdir = /var/log/asterisk
"""


def put_into(debian: Debian, ports: InstancePorts) -> None:
    """The one that was fetched, at the places of a package; started."""
    fetched = find_asterisk("")
    unpacked = next(one for one in fetched.module_dir.parents if one.name == "root")
    shutil.copytree(unpacked, debian.root / HOME, symlinks=True)

    def there(path: object) -> str:
        return str(path).replace(str(unpacked), f"/{HOME}")

    command = " ".join(map(there, fetched.command))
    _write(debian.root / "usr/sbin/asterisk", f'#!/bin/sh\nexec {command} "$@"\n', 0o755)
    debian.run("adduser", "--system", "--group", "--quiet", "--no-create-home", "asterisk")
    etc = debian.root / "etc/asterisk"
    texts = {
        "asterisk.conf": DIRECTORIES.format(modules=there(fetched.module_dir)),
        "modules.conf": "[modules]\nautoload = yes\n",
        "logger.conf": "[general]\n[logfiles]\nmessages.log => notice,warning,error\n",
        "extensions.conf": EXTENSIONS,
        "pjsip.conf": PJSIP.format(sip=ports.sip),
        "rtp.conf": "[general]\nrtpstart = {}\nrtpend = {}\n".format(*ports.rtp),
        "http.conf": "[general]\nservername = theirs\n",
        "ari.conf": "[general]\nenabled = no\n",
    }
    etc.mkdir()
    for name, text in texts.items():
        _write(etc / name, text, 0o640)
    for folder in ("var/lib/asterisk", "var/spool/asterisk", "var/log/asterisk"):
        (debian.root / folder).mkdir()
        debian.run("chown", "asterisk:asterisk", f"/{folder}")
        debian.run("chmod", "0750", f"/{folder}")
    debian.run("chown", "-R", "asterisk:asterisk", "/etc/asterisk")
    (debian.root / "usr/share/asterisk").symlink_to(f"/{HOME}/usr/share/asterisk")
    _write(debian.root / "etc/systemd/system/asterisk.service", UNIT, 0o644)
    debian.run("systemctl", "enable", "--now", "--quiet", "asterisk")
    debian.until(lambda: "fully booted" in asked(debian, "core waitfullybooted"), 60, "their Asterisk is up")


def asked(debian: Debian, question: str) -> str:
    return debian.run("asterisk", "-rx", question, check=False)


def files(debian: Debian) -> dict[str, tuple[bytes, int, int, int]]:
    """Of its configuration: content, mode, owner and group of each."""
    found = {}
    for path in sorted((debian.root / "etc/asterisk").iterdir()):
        stat = path.stat()
        found[path.name] = (path.read_bytes(), stat.st_mode, stat.st_uid, stat.st_gid)
    return found


def _write(path: Path, text: str, mode: int) -> None:
    path.write_text(text, "utf-8")
    path.chmod(mode)
