#!/usr/bin/env python3
"""A hook of hadesd that tells people what happened to a run: by mail, in Slack, or with ntfy. Needs Python alone.

notify.py mail ada@example.org
notify.py slack ~/.config/hades/slack-webhook    # a file with the address: it is as good as a password
notify.py ntfy ~/.config/hades/ntfy-topic        # a file with https://ntfy.sh/TOPIC, or with a server of your own
"""

import argparse
import json
import subprocess
import sys
import urllib.request
from email.message import EmailMessage
from pathlib import Path

PATIENCE = 20  # seconds, below the 30 after which hadesd ends a hook


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("way", choices=("mail", "slack", "ntfy"))
    parser.add_argument("target", help="a mail address, or a file that holds the address to post to")
    parser.add_argument("--sendmail", default="/usr/sbin/sendmail", help="the program that takes mail (%(default)s)")
    options = parser.parse_args()
    told = json.load(sys.stdin)
    run = told["run"]
    title = f"{run['id']} {told['event']}" + (" (a test)" if told["test"] else "")
    lines = [
        f"{run['env']} with {run['method']} on {told['host']}, generation {run['generation']} of {run['generations']}",
        *([told["reason"]] if told["reason"] else []),
    ]
    try:
        if options.way == "mail":
            mail(options.target, title, "\n".join(lines), options.sendmail)
        else:
            address = Path(options.target).expanduser().read_text().strip()
            {"slack": slack, "ntfy": ntfy}[options.way](address, title, "\n".join(lines), told["event"])
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        sys.exit(f"notify.py: cannot tell {options.target} by {options.way}: {error}")


def mail(to: str, title: str, text: str, sendmail: str) -> None:
    message = EmailMessage()
    message["To"] = to
    message["Subject"] = f"hades: {title}"
    message.set_content(text)
    subprocess.run([sendmail, "-t", "-oi"], input=message.as_bytes(), check=True, timeout=PATIENCE)


def slack(address: str, title: str, text: str, event: str) -> None:
    plain = f"*{title}*\n{text}".replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    post(address, json.dumps({"text": plain}).encode(), {"Content-Type": "application/json"})


def ntfy(address: str, title: str, text: str, event: str) -> None:
    post(address, text.encode(), {"Title": title, "Priority": "high" if event == "failed" else "default"})


def post(address: str, data: bytes, headers: dict[str, str]) -> None:
    with urllib.request.urlopen(urllib.request.Request(address, data, headers), timeout=PATIENCE):
        pass  # any status but 2xx is an error


if __name__ == "__main__":
    main()
