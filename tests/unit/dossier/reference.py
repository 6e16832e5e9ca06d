"""Makes what can be made of docs/reference about dossiers and verdicts: `python -m tests.unit.dossier.reference`.

The examples come from the corpus, so a page cannot show what no test has judged.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gateway.dossier import dossier as files
from gateway.dossier.checks import CHECKS
from gateway.dossier.dossier import Dossier
from gateway.dossier.policy import POLICIES
from gateway.dossier.verdict import SEVERITY, schema
from gateway.proofs import cbor
from gateway.spi import NetworkId, record_key
from tests.unit.dossier import corpus, corpus_evm

PLACE: Final = Path(__file__).resolve().parents[3] / "docs" / "reference"
MADE: Final = "<!-- Made by python -m tests.unit.dossier.reference. Not for editing by hand. -->\n"

SMALL: Final = Dossier(credential=b'{"a":1}', native=b"native record", evidence=b"\xa0", losses=b"[]")
NETWORK: Final = NetworkId("sandbox", "xa-training", bytes(range(32)))
LOCUS: Final = {"block": bytes(range(32, 64)), "index": 7}


def dump(data: bytes) -> str:
    """As `hexdump -C` shows it, without its last line."""
    lines = []
    for offset in range(0, len(data), 16):
        row = data[offset : offset + 16]
        first, second = row[:8].hex(" "), row[8:].hex(" ")
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{offset:08x}  {first:<23}  {second:<23}  |{shown}|")
    return "\n".join(lines)


def container_part() -> str:
    data = files.write(SMALL)
    return f"{len(data)} bytes, H `{hashlib.sha256(data).hexdigest()}`:\n\n```text\n{dump(data)}\n```\n"


def keys_part() -> str:
    network = cbor.encode(["network/1", NETWORK.kind, NETWORK.chain, NETWORK.genesis])
    key = cbor.encode(["record/1", NETWORK.digest, "ledger", LOCUS, 0])
    assert record_key(NETWORK.digest, "ledger", LOCUS, 0) == hashlib.sha256(key).digest()
    return (
        "Example: the network of kind `sandbox`, chain `xa-training`, whose genesis' digest is the bytes 00 to 1f; the"
        " first record (index 0) of the place `{block: 20 to 3f, index: 7}` of the source `ledger`.\n\n"
        "```text\n"
        f"network  {_folded(network)}\n"
        f"   H     {hashlib.sha256(network).hexdigest()}\n"
        f"key      {_folded(key)}\n"
        f"   H     {hashlib.sha256(key).hexdigest()}\n"
        "```\n"
    )


def _folded(data: bytes) -> str:
    text = data.hex()
    return "\n         ".join(text[start : start + 96] for start in range(0, len(text), 96))


def severity_part() -> str:
    return "\n".join(f"{number}. {name}" for number, name in enumerate(SEVERITY, 1)) + "\n"


PARTS: Final = {"container": container_part, "keys": keys_part, "severity": severity_part}


def dossier_page(page: str) -> str:
    """The page with its made parts made again."""
    for name, part in PARTS.items():
        begin = f"<!-- {name}: made by python -m tests.unit.dossier.reference -->\n"
        pattern = re.compile(re.escape(begin) + r".*?<!-- end -->", re.DOTALL)
        assert len(pattern.findall(page)) == 1, name
        made = f"{begin}\n{part()}\n<!-- end -->"
        page = pattern.sub(lambda _, made=made: made, page)  # type: ignore[misc]  # bound now, used now
    return page


def policies_page() -> str:
    lines = [
        MADE,
        "# Policies",
        "",
        "What a verifier asks of a file: three named policies, as data.",
        "`gateway verify --policy court|office|inspect`.",
        "",
        "Each claim that is asked for must hold, on the basis given or a stronger one. From weak to strong: `attested`",
        "(the office's word alone), `authority` (one signer of the network's own), `endorsement`, `work`, `consensus`.",
        "Apart from the policy, the registry states the least that is accepted of each network: nobody can offer less.",
        "",
        "That an office issued a credential is its own word, by what the claim says: `attested` is all there is to",
        "ask.",
    ]
    for policy in POLICIES.values():
        lines += ["", f"## {policy.id}", "", policy.summary, ""]
        if policy.claims:
            lines += ["| claim | least basis | signers |", "|---|---|---|"]
            lines += [f"| `{one.claim.value}` | `{one.basis.value}` | {one.signed} |" for one in policy.claims]
            lines.append("")
        suites = ", ".join(f"`{one.name}`" + (f" until {one.until}" if one.until else "") for one in policy.algorithms)
        lines += [f"Credentials may be signed by: {suites}.", "", f"Digest: `{policy.digest.hex()}`, of", ""]
        lines += ["```json", policy.encode().decode(), "```"]
    return "\n".join(lines) + "\n"


_BEARS: Final = {
    "file": "the file as a whole",
    "network": "`recorded`, `valid`",
    "translated": "`translated`",
    "issued": "`issued`",
    "existed_by": "`existed_by`",
    "policy": "what the policy asks for",
    "nothing": "nothing: it is told",
}


def verdict_page() -> str:
    shape = schema()["$defs"]
    lines = [
        MADE,
        "# The verdict",
        "",
        "What `gateway verify --json` prints, and `gateway.dossier.verify` returns: JSON with sorted members and no",
        "blanks, the same bytes for the same file, policy, anchors and time. Its JSON Schema is",
        "[verdict.schema.json](verdict.schema.json). The terms are those of ETSI EN 319 102-1. How it comes about is",
        "told in [the dossier](dossier.md).",
        "",
        "| indication | exit code | meaning |",
        "|---|---|---|",
        "| `TOTAL-PASSED` | 0 | all that the policy asks for holds |",
        "| `TOTAL-FAILED` | 1 | something is wrong: `sub_indication` says what, first by the list below |",
        "| `INDETERMINATE` | 3 | nothing is wrong, and something is missing: it is neither yes nor no |",
        "",
        "Exit code 2 is wrong use, 4 a file that is neither a dossier nor a credential. A verdict is neither true nor",
        "false: `bool(verdict)` raises, so that nobody takes INDETERMINATE for either.",
        "",
        "## Members",
    ]
    for name in ("Verdict", "About", "Anchors", "PolicyName", "Object", "Existence", "Finding", "Quorum", "Check"):
        lines += ["", f"### {name}", "", *_described(shape[name]["description"]), ""]
        lines += ["| member | value |", "|---|---|"]
        lines += [f"| `{member}` | {_typed(part)} |" for member, part in shape[name]["properties"].items()]
    lines += [
        "",
        "Members of a check that say nothing are left out; all others are always there, null where there is nothing.",
        "",
        "## Sub-indications",
        "",
        "The first of this list that applies is told; the first six are TOTAL-FAILED's.",
        "`NO_CERTIFICATE_CHAIN_FOUND_NO_POE` is the European Commission's DSS's, all others are the standard's.",
        "",
        *(f"{number}. `{name}`" for number, name in enumerate(SEVERITY, 1)),
        "",
        "## Checks",
        "",
        "Beside these, the checks of [the credential](credential.md#checks), and those of the evidence, by its type:",
        "[sandbox/1](evidence-sandbox-1.md), [evm-receipt/1](evidence-evm-receipt-1.md). Ids are stable. A check that",
        "is `skipped` had nothing to look at, or may be told without harm; it lowers nothing. Several checks of one id",
        "are about several objects.",
        "",
        "| check | it asks | where the answer is no | it bears on |",
        "|---|---|---|---|",
    ]
    for kind in CHECKS.values():
        bears = ", ".join(_BEARS[one] for one in kind.bears)
        lines.append(f"| `{kind.id}` | {kind.asks} | {kind.otherwise} | {bears} |")
    return "\n".join(lines) + "\n"


def _described(text: str) -> Iterator[str]:
    """The first paragraph as it is; lines of the form `name  meaning` as a list."""
    for line in text.splitlines():
        name, gap, meaning = line.partition("  ")
        if gap and name and " " not in name:
            yield f"- `{name}`: {meaning.strip()}"
        else:
            yield line.strip()


def _typed(part: dict[str, Any]) -> str:
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        target = schema()["$defs"][name]
        return _typed(target) if "enum" in target else f"[{name}](#{name.lower()})"
    if "anyOf" in part:
        return " or ".join(_typed(one) for one in part["anyOf"])
    if part.get("type") == "array":
        return f"list of {_typed(part['items'])}"
    if part.get("format") == "date-time":
        return "time in UTC"
    if "pattern" in part:
        return "64 lower-case hexadecimal digits"
    return {"string": "text", "integer": "integer", "boolean": "true or false", "null": "null"}[part["type"]]


def pages() -> dict[str, bytes]:
    """Every file that is made, by its path in docs/reference."""
    page = (PLACE / "dossier.md").read_text("utf-8")
    return {
        "dossier.md": dossier_page(page).encode(),
        "policies.md": policies_page().encode(),
        "verdict.md": verdict_page().encode(),
        "verdict.schema.json": json.dumps(schema(), indent=1).encode() + b"\n",
        "examples/sandbox.dossier": corpus.GOOD.data,
        "examples/sandbox.registry.json": corpus.REGISTRY.encode(),
        "examples/evm.dossier": corpus_evm.GOOD.data,
        "examples/evm.registry.json": corpus_evm.REGISTRY.encode(),
    }


def main() -> None:
    for name, content in pages().items():
        place = PLACE / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


if __name__ == "__main__":
    main()
