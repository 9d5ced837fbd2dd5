"""Opens what `zeren export` wrote in pm4py, a process-mining library by others, and compares what it counts with what zeren said.

    python3 tests/interop/open_in_pm4py.py ZEREN

makes the small sample county in a folder of its own, exports it, and opens it. Exit code 0: all counts are equal.
"""

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
import pm4py  # noqa: E402


def zeren(program, folder, *arguments):
    """What the command printed; it must succeed."""
    done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"zeren {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def exported(program, folder, what, name, ledger="county"):
    """Exports, and gives what zeren counted."""
    policy = f"{ledger}/trust-policy"
    said = zeren(program, folder, "export", what, "--dir", ledger, "--policy", policy, "-o", name, "--json")
    return json.loads(said)["written"]


def count_xes(path):
    """Traces, events, activities and resources of an event log."""
    log = pm4py.read_xes(str(path), return_legacy_log_object=True)
    events = [event for trace in log for event in trace]
    return {
        "traces": len(log),
        "events": len(events),
        "activities": len({event["concept:name"] for event in events}),
        "resources": len({event["org:resource"] for event in events}),
    }


def count_ocel(path):
    """Events, objects and relations of an object-centric event log, and objects by type."""
    log = pm4py.read_ocel2_json(str(path))
    types = log.objects["ocel:type"].value_counts().to_dict()
    return {
        "events": len(log.events),
        "objects": len(log.objects),
        "relations": len(log.relations),
        "event_types": log.events["ocel:activity"].nunique(),
        "object_types": types,
    }, log


def compare(what, zeren_says, pm4py_says):
    """Ends with what differs, if anything does."""
    differing = {key: (value, pm4py_says.get(key)) for key, value in zeren_says.items() if pm4py_says.get(key) != value}
    if differing:
        sys.exit(f"{what}: zeren and pm4py count differently (zeren, pm4py): {differing}")
    print(f"{what}: {zeren_says}: equal")


def main():
    """Makes, exports, opens, compares."""
    program = str(Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        zeren(program, folder, "demo", "--profile", "s", "--dir", "county")
        xes = exported(program, folder, "xes", "county.xes")
        compare("XES", xes, count_xes(folder / "county.xes"))
        ocel = exported(program, folder, "ocel", "county.json")
        # pm4py keeps one relation of an event and an object, whatever the qualifiers.
        del ocel["qualified_relations"]
        counted, log = count_ocel(folder / "county.json")
        compare("OCEL", ocel, counted)
        if log.is_ocel20() is not True:
            sys.exit("OCEL: pm4py does not take it for OCEL 2.0")
        # What zeren imports from its own export counts the same, in both programs.
        said = json.loads(zeren(program, folder, "import", "xes", "county.xes", "--dir", "again", "--json"))
        if (said["cases"], said["events"]) != (xes["traces"], xes["events"]):
            sys.exit(f"import: {said} of {xes}")
        again = exported(program, folder, "xes", "again.xes", "again")
        compare("XES of the import", again, count_xes(folder / "again.xes"))
        if again != xes:
            sys.exit(f"XES of the import: {again}, not {xes}")


if __name__ == "__main__":
    main()
