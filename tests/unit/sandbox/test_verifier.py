"""What `sandbox/1` evidence proves, and that each check alone finds what it is there for."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.spi import Basis, Claim, NativeRecord, NetworkId, Quorum, VerificationContext
from gateway_sandbox.blocks import Block, Header, fingerprint, read, signed_bytes
from gateway_sandbox.verifier import CHECKS, NOTE, Anchor, SandboxVerifier
from tests.unit.sandbox.scenes import (
    CHAIN,
    NOW,
    Anchors,
    Keys,
    Proofs,
    Scene,
    block,
    change,
    outcomes,
    replace,
    wrong,
)

Spoil = Callable[[Scene], None]


def _outsider(header: bytes) -> tuple[bytes, bytes]:
    key = Ed25519PrivateKey.generate()
    return key.public_key().public_bytes_raw(), key.sign(signed_bytes(header))


def _extra_field(scene: Scene) -> None:
    scene.build().extra = {"neighbour": b""}


def _other_key(scene: Scene) -> None:
    scene.build().extraction["key"] = os.urandom(32)


def _other_content(scene: Scene) -> None:
    scene.build().native = NativeRecord(scene.native.format, scene.native.content + b" ")


def _other_subject(scene: Scene) -> None:
    scene.build().own["subject"] = "XA/us/19"


def _withdraws_nothing(scene: Scene) -> None:
    scene.leaf = replace(scene.leaf, withdrawn=True)
    scene.build()


def _lacks_a_document(scene: Scene) -> None:
    scene.build()
    scene.missing = {scene.names[1]}


def _signed_by_others(scene: Scene) -> None:
    """The same header under other, equally good signatures is another document."""
    header = scene.build().signed
    others = scene.keys.sign(header.encode(), 4)[1:]
    scene.replaced = {scene.names[0]: block(header, others)}


def _no_block(scene: Scene) -> None:
    scene.build()
    scene.documents[0] = scene.documents[1]


def _other_header(scene: Scene) -> None:
    scene.build().extraction["block"] = os.urandom(32)


def _other_branch(scene: Scene) -> None:
    branch = scene.build().own["branch"]
    branch[1] = os.urandom(32)


def _no_anchor(scene: Scene) -> None:
    scene.build().standing = {"use": "witness"}


def _other_chain(scene: Scene) -> None:
    scene.build().network = NetworkId("sandbox", "another", scene.genesis).digest


def _other_set(scene: Scene) -> None:
    scene.header = {"validators": os.urandom(32)}
    scene.build()


def _unknown_set(scene: Scene) -> None:
    scene.anchor = Anchor(CHAIN, scene.genesis, Keys().set, 0)
    scene.build()


def _a_stranger_too(scene: Scene) -> None:
    scene.signatures = lambda header: [*scene.keys.sign(header), _outsider(header)]
    scene.build()


def _one_is_wrong(scene: Scene) -> None:
    scene.signatures = lambda header: [*scene.keys.sign(header), (sorted(scene.keys.private)[3], _outsider(header)[1])]
    scene.build()


def _two_of_four(scene: Scene) -> None:
    scene.signatures = lambda header: scene.keys.sign(header, 2)
    scene.build()


def _from_the_future(scene: Scene) -> None:
    scene.build().now = NOW - timedelta(days=1)


ALONE: dict[str, tuple[Spoil, str, str]] = {
    "sandbox.evidence": (_extra_field, "failed", "FORMAT_FAILURE"),
    "sandbox.leaf": (_other_key, "failed", "HASH_FAILURE"),
    "sandbox.native": (_other_content, "failed", "HASH_FAILURE"),
    "sandbox.subject": (_other_subject, "failed", "HASH_FAILURE"),
    "sandbox.withdrawn": (_withdraws_nothing, "failed", "FORMAT_FAILURE"),
    "sandbox.shared": (_lacks_a_document, "indeterminate", "SIGNED_DATA_NOT_FOUND"),
    "sandbox.digest": (_signed_by_others, "failed", "HASH_FAILURE"),
    "sandbox.documents": (_no_block, "failed", "FORMAT_FAILURE"),
    "sandbox.header": (_other_header, "failed", "HASH_FAILURE"),
    "sandbox.branch": (_other_branch, "failed", "HASH_FAILURE"),
    "sandbox.segment": (_no_anchor, "indeterminate", "NO_CERTIFICATE_CHAIN_FOUND"),
    "sandbox.chain": (_other_chain, "failed", "HASH_FAILURE"),
    "sandbox.validators": (_other_set, "failed", "HASH_FAILURE"),
    "sandbox.path": (_unknown_set, "indeterminate", "NO_CERTIFICATE_CHAIN_FOUND"),
    "sandbox.signers": (_a_stranger_too, "indeterminate", "CHAIN_CONSTRAINTS_FAILURE"),
    "sandbox.signatures": (_one_is_wrong, "failed", "SIG_CRYPTO_FAILURE"),
    "sandbox.quorum": (_two_of_four, "indeterminate", "SIG_CONSTRAINTS_FAILURE"),
    "sandbox.time": (_from_the_future, "indeterminate", "TIMESTAMP_ORDER_FAILURE"),
}


def test_sound_evidence_proves_that_the_record_stands_there_and_was_accepted() -> None:
    scene = Scene().build()
    report = scene.verify()

    signers = tuple(fingerprint(key) for key in sorted(scene.keys.private)[:3])
    assert [finding.claim for finding in report.findings] == [Claim.RECORDED, Claim.VALID]
    for finding in report.findings:
        assert finding.outcome == "passed"
        assert finding.basis == Basis.CONSENSUS
        assert finding.quorum == Quorum(3, 3, signers)
        assert finding.time == NOW - timedelta(hours=1)
        assert finding.note == NOTE
    assert {check.id for check in report.checks} == set(CHECKS)
    assert report.source == "ledger"
    assert report.locus == {"block": scene.extraction["block"], "index": 2}


def test_every_check_has_evidence_that_fails_only_there() -> None:
    assert set(ALONE) == set(CHECKS)


@pytest.mark.parametrize("check", sorted(ALONE))
def test_evidence_that_fails_only_at(check: str) -> None:
    spoil, outcome, sub_indication = ALONE[check]
    scene = Scene()
    spoil(scene)
    report = scene.verify()

    assert wrong(report) == {check: sub_indication}
    valid = next(finding for finding in report.findings if finding.claim == Claim.VALID)
    assert valid.outcome == outcome
    assert check in valid.checks
    (found,) = [each for each in report.checks if each.outcome != "passed"]
    assert found.outcome == outcome
    assert found.reason


def test_a_breach_of_the_rule_for_withdrawals_leaves_the_record_recorded() -> None:
    scene = Scene()
    _withdraws_nothing(scene)
    recorded, valid = scene.verify().findings
    assert (recorded.outcome, valid.outcome) == ("passed", "failed")


def test_a_withdrawal_that_names_what_it_withdraws_passes() -> None:
    scene = Scene()
    scene.leaf = replace(scene.leaf, withdrawn=True, supersedes=os.urandom(32))
    assert outcomes(scene.build().verify()) == {"passed"}


def test_a_report_is_a_function_of_what_is_asked() -> None:
    scene = Scene().build()
    first = scene.verify()
    other = Scene()
    _one_is_wrong(other)
    assert outcomes(other.verify()) == {"failed"}
    assert scene.verify() == first


class TestSegments:
    def test_an_anchor_of_other_heights_says_so(self) -> None:
        scene = Scene().build()
        scene.standing = {"first": 18}
        assert wrong(scene.verify()) == {"sandbox.segment": "NO_CERTIFICATE_CHAIN_FOUND_NO_POE"}

    def test_validators_from_a_later_height_on_are_no_anchor_for_an_earlier_block(self) -> None:
        scene = Scene().build()
        scene.anchor = scene.anchor._replace(height=18)
        assert wrong(scene.verify()) == {"sandbox.segment": "NO_CERTIFICATE_CHAIN_FOUND_NO_POE"}

    def test_a_set_that_gave_way_in_peace_stays_good_up_to_its_last_height(self) -> None:
        scene = Scene().build()
        scene.standing = {"ended": "rotated", "until": NOW, "last": 17}
        assert outcomes(scene.verify()) == {"passed"}

    def test_without_a_last_height_only_a_proof_from_before_helps(self) -> None:
        scene = Scene().build()
        scene.standing = {"ended": "rotated", "until": NOW}
        assert wrong(scene.verify()) == {"sandbox.segment": "OUT_OF_BOUNDS_NO_POE"}
        scene.times = {scene.names[0]: NOW - timedelta(minutes=1)}
        assert outcomes(scene.verify()) == {"passed"}

    @pytest.mark.parametrize("ended", ["revoked", "compromised"])
    def test_keys_that_were_taken_sign_at_any_height(self, ended: str) -> None:
        scene = Scene().build()
        scene.standing = {"ended": ended, "until": NOW - timedelta(days=1), "last": 17}
        assert wrong(scene.verify()) == {"sandbox.segment": "REVOKED_NO_POE"}
        scene.times = {scene.names[0]: NOW}
        assert wrong(scene.verify()) == {"sandbox.segment": "REVOKED_NO_POE"}, "a proof from after the end"
        scene.times = {scene.evidence.digest: NOW - timedelta(days=2)}
        assert outcomes(scene.verify()) == {"passed"}

    @pytest.mark.parametrize(
        "spoiled",
        [
            {"kind": "evm"},
            {"chain": 7},
            {"genesis": "00"},
            {"genesis": "zz"},
            {"height": "0"},
            {"height": True},
            {"validators": []},
            {"validators": ["00" * 32] * 4},
            {"validators": [7]},
            {"validators": {}},
            {"validators": None},
        ],
    )
    def test_material_of_another_kind_is_no_anchor(self, spoiled: dict[str, object]) -> None:
        scene = Scene().build()
        (given,) = scene.context.anchors.all("network", scene.network.hex())
        material = {**given.material, **spoiled}
        other = type(given)(use=given.use, subject=given.subject, material=material, since=given.since)
        context = VerificationContext(scene.now, Anchors(other), Proofs(), scene.shared)
        report = SandboxVerifier().verify(scene.native, scene.evidence, context)
        assert wrong(report) == {"sandbox.segment": "NO_CERTIFICATE_CHAIN_FOUND"}

    def test_the_material_reads_back_as_it_was_stated(self) -> None:
        anchor = Scene().anchor
        assert Anchor.read(anchor.material()) == anchor


class TestChangesOfValidators:
    """Sets A, B and C in force one after another: A agreed to B in block 5, B to C in block 9; C signed block 17."""

    def scene(self) -> Scene:
        scene = Scene()
        self.a, self.b = Keys(), Keys()
        self.to_b = change(scene, 5, self.a, self.b)
        self.to_c = change(scene, 9, self.b, scene.keys)
        scene.anchor = Anchor(CHAIN, scene.genesis, self.a.set, 0)
        self.sign(scene)
        return scene

    def sign(self, scene: Scene) -> None:
        scene.changes = [
            block(self.to_c, self.b.sign(self.to_c.encode())),
            self.b.set.encode(),
            block(self.to_b, self.a.sign(self.to_b.encode())),
            self.a.set.encode(),
        ]

    def test_changes_lead_from_the_anchor_to_the_set_in_force(self) -> None:
        scene = self.scene()
        assert outcomes(scene.build().verify()) == {"passed"}

    def test_a_later_anchor_makes_them_superfluous_and_they_do_no_harm(self) -> None:
        scene = self.scene()
        scene.anchor = Anchor(CHAIN, scene.genesis, scene.keys.set, 10)
        scene.changes[2] = block(self.to_b, self.a.sign(self.to_b.encode(), 1))
        assert outcomes(scene.build().verify()) == {"passed"}

    def test_an_anchor_in_the_middle(self) -> None:
        scene = self.scene()
        scene.anchor = Anchor(CHAIN, scene.genesis, self.b.set, 6)
        assert outcomes(scene.build().verify()) == {"passed"}

    def test_a_change_from_before_the_anchor_does_not_count(self) -> None:
        scene = self.scene()
        scene.anchor = Anchor(CHAIN, scene.genesis, self.a.set, 6)
        assert wrong(scene.build().verify()) == {"sandbox.path": "NO_CERTIFICATE_CHAIN_FOUND"}

    def test_a_missing_change_leads_nowhere(self) -> None:
        scene = self.scene()
        del scene.changes[2:]
        assert wrong(scene.build().verify()) == {"sandbox.path": "NO_CERTIFICATE_CHAIN_FOUND"}

    def test_two_of_four_cannot_agree_to_a_change(self) -> None:
        scene = self.scene()
        scene.changes[2] = block(self.to_b, self.a.sign(self.to_b.encode(), 2))
        assert wrong(scene.build().verify()) == {"sandbox.path": "SIG_CONSTRAINTS_FAILURE"}

    def test_a_wrong_signature_under_a_change(self) -> None:
        scene = self.scene()
        signatures = self.a.sign(self.to_b.encode(), 4)
        signatures[0] = (signatures[0][0], signatures[1][1])
        scene.changes[2] = block(self.to_b, signatures)
        assert wrong(scene.build().verify()) == {"sandbox.path": "SIG_CRYPTO_FAILURE"}

    def test_the_successors_cannot_agree_to_themselves(self) -> None:
        scene = self.scene()
        scene.changes[2] = block(self.to_b, self.b.sign(self.to_b.encode()))
        assert wrong(scene.build().verify()) == {"sandbox.path": "CHAIN_CONSTRAINTS_FAILURE"}

    @pytest.mark.parametrize("fields", [{"number": 9}, {"number": 10}, {"genesis": bytes(32)}])
    def test_a_change_out_of_order_or_of_another_chain(self, fields: dict[str, object]) -> None:
        scene = self.scene()
        self.to_b = change(scene, **({"number": 5, "earlier": self.a, "later": self.b} | fields))  # type: ignore[arg-type] # a table
        self.sign(scene)
        assert wrong(scene.build().verify()) == {"sandbox.path": "HASH_FAILURE"}

    def test_a_former_validator_counts_for_nothing(self) -> None:
        """Two validators in force and one that has left are not three."""
        scene = self.scene()
        scene.signatures = lambda header: [*scene.keys.sign(header, 2), self.a.sign(header, 1)[0]]
        report = scene.build().verify()
        assert wrong(report) == {
            "sandbox.signers": "CHAIN_CONSTRAINTS_FAILURE",
            "sandbox.quorum": "SIG_CONSTRAINTS_FAILURE",
        }
        assert report.findings[0].quorum is not None
        assert report.findings[0].quorum.signed == 2

    def test_former_validators_cannot_sign_a_later_block_among_themselves(self) -> None:
        scene = self.scene()
        scene.signatures = self.a.sign
        assert "sandbox.quorum" in wrong(scene.build().verify())


def test_a_duplicated_signature_is_no_document() -> None:
    scene = Scene().build()
    header, signatures = scene.signed.encode(), scene.keys.sign(scene.signed.encode(), 2)
    scene.documents[0] = Block(header, (signatures[0], signatures[0], signatures[1])).encode()
    assert wrong(scene.verify()) == {"sandbox.documents": "FORMAT_FAILURE"}


def test_a_signature_for_one_header_is_none_for_its_fork() -> None:
    """Two blocks of one height: the signatures under the one say nothing about the other."""
    scene = Scene().build()
    taken = read(Block, scene.documents[0]).signatures
    fork = Header(**{**scene.signed.plain(), "parent": os.urandom(32)})
    scene.documents[0] = Block(fork.encode(), taken).encode()
    assert wrong(scene.verify()) == {
        "sandbox.header": "HASH_FAILURE",
        "sandbox.signatures": "SIG_CRYPTO_FAILURE",
        "sandbox.quorum": "SIG_CONSTRAINTS_FAILURE",
    }


def test_a_key_of_small_order_is_no_validator() -> None:
    scene = Scene().build()
    keys = sorted([bytes([1]) + bytes(31), *sorted(scene.keys.private)[:3]])
    scene.documents[1] = scene.keys.set.__class__(tuple(keys)).encode()
    assert wrong(scene.verify()) == {"sandbox.documents": "FORMAT_FAILURE"}


@pytest.mark.parametrize("documents", [0, 1, 3, 66])
def test_a_number_of_documents_that_cannot_be(documents: int) -> None:
    scene = Scene().build()
    scene.documents = [b"%d" % number for number in range(documents)]
    assert wrong(scene.verify()) == {"sandbox.evidence": "FORMAT_FAILURE"}


def test_a_branch_beyond_the_limit_is_not_climbed() -> None:
    scene = Scene().build()
    scene.own["branch"] = [os.urandom(32)] * 65
    assert wrong(scene.verify()) == {"sandbox.evidence": "FORMAT_FAILURE"}
