"""The resources that a container may use."""

from pathlib import Path

from project.machine import cores, memory_mb


def test_a_container_has_the_memory_that_it_is_given(tmp_path: Path) -> None:
    whole, limit = memory_mb(tmp_path / "none"), tmp_path / "memory.max"
    assert whole > 100
    limit.write_text("max\n")
    assert memory_mb(tmp_path) == whole
    limit.write_text(f"{64 * 2**20}\n")
    assert memory_mb(tmp_path) == 64


def test_a_container_has_the_cores_that_it_is_given(tmp_path: Path) -> None:
    whole, limit = cores(tmp_path / "none"), tmp_path / "cpu.max"
    assert whole >= 1
    limit.write_text("max 100000\n")
    assert cores(tmp_path) == whole
    limit.write_text("50000 100000\n")
    assert cores(tmp_path) == 0.5
    limit.write_text(f"{100_000 * 10_000} 100000\n")
    assert cores(tmp_path) == whole
