"""What a family of processes used of accelerators, as its members come and go."""

from pathlib import Path

from lichen.energy.cards.family_shares import FamilyShares
from lichen.energy.cards.shares import SharesWriter
from lichen.energy.meter import ProcessEnergy, Reading


def publish(writer: SharesWriter, *used: tuple[int, int]) -> None:
    shares = tuple(ProcessEnergy(pid, nj) for pid, nj in used)
    writer.publish(Reading(10**12, 0, 0, 0, accelerator_nj=10**9, accelerator_shares=shares))


def test_members_are_told_from_their_start_and_what_was_before_is_not(tmp_path: Path) -> None:
    writer = SharesWriter(tmp_path, epoch=1)
    publish(writer, (10, 500), (99, 7))
    family = FamilyShares(tmp_path)
    assert family.has_cards

    publish(writer, (10, 700), (11, 40), (99, 900))
    assert family.take_nj([10, 11]) == 240
    assert family.take_nj([10, 11]) == 0
    publish(writer, (10, 750), (11, 45), (99, 999))
    assert family.take_nj([10]) == 55  # 11 ended in the meantime, with a last second untold


def test_a_new_owner_counts_from_zero_again(tmp_path: Path) -> None:
    writer = SharesWriter(tmp_path, epoch=1)
    publish(writer, (10, 500))
    family = FamilyShares(tmp_path)
    publish(SharesWriter(tmp_path, epoch=2), (10, 30))
    assert family.take_nj([10]) == 30


def test_a_host_without_accelerators_has_none(tmp_path: Path) -> None:
    family = FamilyShares(tmp_path)
    assert not family.has_cards
    assert family.take_nj([1, 2]) == 0
