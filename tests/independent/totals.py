"""Totals by scheme from a ledger's entries, with the standard library alone: the locked lines that the bank's results call paid.

Reads segments and the lines of statements and nothing else; shares no code with the verifier or the ledger. Verifies nothing.
"""

import json
import pathlib
import sys


def entries(folder):
    """Notes of the entries, in order."""
    for segment in sorted((pathlib.Path(folder) / "segments").iterdir()):
        data = segment.read_bytes()
        at = 0
        while at + 2 <= len(data) and (length := int.from_bytes(data[at : at + 2], "big")):
            yield data[at + 2 : at + 2 + length].decode("utf-8")
            at += 2 + length


def statement(entry):
    """Key and value of each line of a statement; nothing for any other note."""
    lines = entry.split("\n")[2:]
    if lines[0] != "zeren statement v1":
        return []
    end = lines.index("")
    return [tuple(line.split(" ", 1)) for line in lines[1:end] if " " in line]


def totals(folder):
    schemes, fen, results, settled = {}, {}, {}, []
    for entry in entries(folder):
        lines = statement(entry)
        values = dict(lines)
        act = values.get("act")
        if act == "sheet":
            for key, line in lines:
                words = line.split(" ")
                if key != "|":
                    continue
                if values["kind"] == "payments" and len(words) == 4:
                    fen[values["list"], words[0]] = int(words[2])
                if values["kind"] == "results" and words[1] == "paid":
                    results.setdefault(values["list"], []).append(words[0])
        if act == "step" and "open" in values:
            schemes[values["case"].split(" ")[0]] = values["open"].split(" ")[1]
        if act == "step" and "results" in values:
            settled.append((values["batch"].split(" ")[1], values["results"].split(" ")[0]))
    sums = {}
    for locked, result in settled:
        for case in results.get(result, []):
            people, money = sums.get(schemes[case], (0, 0))
            sums[schemes[case]] = (people + 1, money + fen[locked, case])
    return [{"scheme": scheme, "people": people, "fen": money} for scheme, (people, money) in sorted(sums.items())]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: totals.py FOLDER")
    print(json.dumps({"totals": totals(sys.argv[1])}))
