"""A LibreOffice Calc that serves a workbook: runs under the system's Python, which has UNO.

Reads one JSON request a line, answers one JSON line: {"do": "write", "cells": {"K3": 1.5}},
{"do": "read", "range": "A1:N13"}, {"do": "save", "path": …}. Ends with its input.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uno
from com.sun.star.beans import PropertyValue


def _property(name, value):
    found = PropertyValue()
    found.Name, found.Value = name, value
    return found


def _connected(pipe, office):
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext(
        "com.sun.star.bridge.UnoUrlResolver", local
    )
    until = time.monotonic() + 120
    while True:
        try:
            return resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        except Exception:
            if time.monotonic() > until or office.poll() is not None:
                raise
            time.sleep(0.05)


def _answer(document, request):
    sheet = document.Sheets.getByIndex(0)
    if request["do"] == "write":
        for cell, value in request["cells"].items():
            found = sheet.getCellRangeByName(cell)
            if isinstance(value, str) and value.startswith("="):
                found.setFormula(value)
            elif isinstance(value, str):
                found.setString(value)
            else:
                found.setValue(value)
        return {}
    if request["do"] == "read":
        rows = sheet.getCellRangeByName(request["range"]).getDataArray()
        return {"values": [list(row) for row in rows]}
    if request["do"] == "save":
        url = uno.systemPathToFileUrl(request["path"])
        document.storeToURL(url, (_property("FilterName", "Calc MS Excel 2007 XML"),))
        return {}
    raise ValueError(request["do"])


def main(sheet_name):
    pipe = f"thor{time.time_ns()}"
    with tempfile.TemporaryDirectory() as profile:
        office = subprocess.Popen(
            [
                "soffice",
                "--headless",
                "--norestore",
                "--nologo",
                "--nodefault",
                f"-env:UserInstallation={Path(profile).as_uri()}",
                f"--accept=pipe,name={pipe};urp;",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            context = _connected(pipe, office)
            desktop = context.ServiceManager.createInstanceWithContext(
                "com.sun.star.frame.Desktop", context
            )
            document = desktop.loadComponentFromURL(
                "private:factory/scalc", "_blank", 0, (_property("Hidden", True),)
            )
            document.Sheets.getByIndex(0).setName(sheet_name)
            print(json.dumps({"ready": True}), flush=True)
            for line in sys.stdin:
                print(json.dumps(_answer(document, json.loads(line))), flush=True)
            document.close(True)
            desktop.terminate()
            office.wait(20)
        finally:
            if office.poll() is None:
                os.killpg(office.pid, signal.SIGKILL)
            office.wait()


main(sys.argv[1])
