"""`make bench`: agno-stream and its peers side by side, on this machine, in one run."""
# ruff: noqa: T201 - it talks to its terminal

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import uvloop

from benchmarks import (
    answers,
    attacks,
    chart,
    client,
    docs,
    journals,
    litellm,
    measures,
    report,
    shapes,
    soak,
)
from benchmarks.attackers import ATTACKS
from benchmarks.measures import QUICK, Plan, Run
from benchmarks.peers import AGENTOS, BOOK, DIRECT, OURS, RELAY, Peer
from benchmarks.processes import ROOT, Server

MEASURES = (measures.start, measures.work, answers.whole, answers.burst, answers.sustained)
RESULTS = ROOT / "benchmarks" / "results" / "latest.json"
SOAKED = RESULTS.with_name("soak.json")
SHAPES = RESULTS.with_name("shapes.json")
ATTACKED = RESULTS.with_name("attacks.json")
PAGE = ROOT / "docs" / "performance.md"
CHART = ROOT / "docs" / "images" / "performance.png"


def main() -> None:
    args = _arguments()
    if args.client:
        client.main(args.rounds or 5)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)  # the servers inherit it
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    if args.soak:
        _soak(args)
        return
    if args.attacks is not None:
        _attacks(args)
        return
    if args.shapes:
        _shapes(args)
        return
    with journals.peers() if args.journals else nullcontext([]) as ours:
        _bench(args, _peers(args, ours))
    if not (args.hold or args.peers or args.quick):
        _shapes(args)


def _bench(args: argparse.Namespace, peers: list[Peer]) -> None:
    plan = QUICK if args.quick else Plan()
    if args.rounds:
        plan = replace(plan, rounds=args.rounds)
    with Server(DIRECT) as upstream:
        run = Run(plan, upstream.port, _progress())
        if args.hold:
            for peer in peers:
                uvloop.run(measures.hold(run, peer, args.hold, args.seconds or 30))
            return
        uvloop.run(_rounds(run, peers))
    versions = {"litellm": litellm.version()} if args.litellm else {}
    result = report.summary(run, peers, versions, quick=args.quick)
    print(report.terminal(result))
    if args.peers:
        return  # a part of the table is for the eyes only
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nwritten: {RESULTS.relative_to(ROOT)}")
    if args.write_docs:
        flags = " ".join(argument for argument in sys.argv[1:])
        docs.write(result, PAGE, f'make bench ARGS="{flags}"')
        print(f"written: {PAGE.relative_to(ROOT)}")
    if drawn := chart.draw(result, CHART if args.write_docs else RESULTS.with_suffix(".png")):
        print(f"written: {drawn.relative_to(ROOT)}")
    else:
        print("no chart: matplotlib is missing (the extra `bench`)")


def _soak(args: argparse.Namespace) -> None:
    load = soak.Load(args.streams, args.seconds or 300, args.rate, args.answer)
    result = uvloop.run(soak.soak(load))
    SOAKED.parent.mkdir(parents=True, exist_ok=True)
    SOAKED.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{soak.words(result)}\nwritten: {SOAKED.relative_to(ROOT)}")
    if args.write_docs:
        flags = " ".join(argument for argument in sys.argv[1:])
        docs.write_soak(soak.words(result), soak.table(result), PAGE, f'make bench ARGS="{flags}"')
        print(f"written: {PAGE.relative_to(ROOT)}")
    if result["wrong"] or result["flat"] is False:
        sys.exit(1)


def _shapes(args: argparse.Namespace) -> None:
    plan = QUICK if args.quick else Plan()
    costs = uvloop.run(shapes.measure(replace(plan, rounds=args.rounds or plan.rounds)))
    print(report.aligned(shapes.table(costs)))
    SHAPES.parent.mkdir(parents=True, exist_ok=True)
    SHAPES.write_text(json.dumps({"machine": report.machine(), "costs": costs}, indent=1) + "\n")
    print(f"\nwritten: {SHAPES.relative_to(ROOT)}")
    if args.write_docs:
        flags = " ".join(argument for argument in sys.argv[1:])
        docs.write_shapes(shapes.table(costs), PAGE, f'make bench ARGS="{flags}"')
        print(f"written: {PAGE.relative_to(ROOT)}")


def _attacks(args: argparse.Namespace) -> None:
    if unknown := set(args.attacks) - ATTACKS.keys():
        sys.exit(f"no such attack: {', '.join(unknown)}")
    found = uvloop.run(attacks.measure(args.attacks or list(ATTACKS)))
    table = attacks.table(found)
    print(f"\n{report.aligned(table)}")
    if args.attacks:
        return  # a part of the table is for the eyes only
    ATTACKED.parent.mkdir(parents=True, exist_ok=True)
    result = attacks.result(found) | {"machine": report.machine()}
    ATTACKED.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nwritten: {ATTACKED.relative_to(ROOT)}")
    if args.write_docs:
        flags = " ".join(argument for argument in sys.argv[1:])
        docs.write_attacks(table, PAGE, f'make bench ARGS="{flags}"')
        print(f"written: {PAGE.relative_to(ROOT)}")
    if attacks.missed(found):
        sys.exit(1)


async def _rounds(run: Run, peers: list[Peer]) -> None:
    for number in range(run.plan.rounds):
        run.say(f"round {number + 1} of {run.plan.rounds}")
        await measures.direct(run)
        for peer in peers:
            for measure in MEASURES:
                try:
                    await measure(run, peer, number)
                except (RuntimeError, TimeoutError) as error:
                    run.remark(f"{peer.name}: {str(error) or 'no answer in time'}")


def _peers(args: argparse.Namespace, ours: list[Peer]) -> list[Peer]:
    known = [OURS, AGENTOS, BOOK, RELAY, *ours]
    if args.litellm:
        print("LiteLLM: looking for it in benchmarks/.cache (the first time takes a minute)")
        try:
            known.insert(3, litellm.peer())
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"LiteLLM: left out, it could not be installed: {error}")
    else:
        print("LiteLLM: left out; --litellm includes it")
    if args.peers:
        wanted = args.peers.split(",")
        if unknown := set(wanted) - {peer.name for peer in known}:
            sys.exit(f"no such peer: {', '.join(unknown)}")
        known = [peer for peer in known if peer.name in wanted]
    return known


def _progress() -> Callable[[str], None]:
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", file=sys.stderr, flush=True)

    return say


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, five minutes")
    parser.add_argument("--litellm", action="store_true", help="with LiteLLM's proxy")
    parser.add_argument("--journals", action="store_true", help="also on memory:// and redis://")
    parser.add_argument("--client", action="store_true", help="only what reading costs a client")
    parser.add_argument("--rounds", type=int, help="how often each is measured")
    parser.add_argument("--peers", help="only these, as 'agno-stream,relay'; writes no file")
    parser.add_argument(
        "--write-docs", action="store_true", help="put the run into docs/performance.md"
    )
    parser.add_argument("--hold", help="only keep a load on: 'flat', or a number of paced streams")
    parser.add_argument("--shapes", action="store_true", help="only by form of a provider's tokens")
    parser.add_argument(
        "--attacks", nargs="*", metavar="NAME", help="only what harm one client can do, or these"
    )
    parser.add_argument("--soak", action="store_true", help="only many streams, for minutes")
    parser.add_argument("--streams", type=int, default=500, help="of a soak, at once (500)")
    parser.add_argument("--rate", type=float, default=20, help="of each, tokens a second (20)")
    parser.add_argument("--answer", type=float, default=30, help="of each answer, seconds (30)")
    parser.add_argument("--seconds", type=float, help="how long to soak (300) or to hold (30)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
