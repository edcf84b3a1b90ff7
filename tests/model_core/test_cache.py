import gc

import numpy as np

from model_core.cache import IDLE_S, CachePool, EncoderCache


def filled(*ids: int) -> EncoderCache:
    cache = EncoderCache()
    cache.append(ids, states(*ids), logits(*ids))
    return cache


def states(*ids: int) -> np.ndarray:
    """States [4, 2, tokens, 3] that tell their tokens apart."""
    return np.ascontiguousarray(np.broadcast_to(np.array(ids, dtype=np.float32)[:, None], (4, 2, len(ids), 3)))


def logits(*ids: int) -> np.ndarray:
    """Logits [tokens, 8] that tell their tokens apart."""
    return np.ascontiguousarray(np.broadcast_to(np.array(ids, dtype=np.float32)[:, None], (len(ids), 8)))


def test_blocks_are_shared_up_to_the_first_other_token() -> None:
    cache = filled(1, 2, 3, 4, 5, 6, 7, 8)
    assert cache.shared_blocks((1, 2, 3, 4, 5, 6, 7, 8, 9), block=4) == 8
    assert cache.shared_blocks((1, 2, 3, 4, 5, 0, 7, 8, 9), block=4) == 4
    assert cache.shared_blocks((0, 2, 3, 4, 5, 6, 7, 8, 9), block=4) == 0
    assert cache.shared_blocks((1, 2, 3, 4, 5), block=4) == 4


def test_the_last_token_is_always_encoded_anew_for_it_is_the_one_that_is_read() -> None:
    assert filled(1, 2, 3, 4).shared_blocks((1, 2, 3, 4), block=4) == 0
    assert filled(1, 2, 3, 4).shared_blocks((1, 2, 3, 4, 5), block=4) == 4
    assert filled(1, 2, 3, 4).shared_blocks((1, 2), block=4) == 0


def test_kept_and_appended_states_stay_with_their_tokens() -> None:
    cache = filled(1, 2, 3, 4)
    cache.keep(2)
    cache.append((7, 8, 9), states(7, 8, 9), logits(7, 8, 9))
    assert cache.input_ids == (1, 2, 7, 8, 9)
    assert cache.states[3, 1, :, 0].tolist() == [1, 2, 7, 8, 9]
    assert cache.logits[:, 7].tolist() == [1, 2, 7, 8, 9]
    assert cache.states.flags.c_contiguous
    cache.keep(9)
    assert cache.input_ids == (1, 2, 7, 8, 9)


def test_keeping_nothing_and_clearing_leave_a_cache_that_works() -> None:
    for clears in (True, False):
        cache = filled(1, 2)
        if clears:
            cache.clear()
        else:
            cache.keep(0)
        assert (cache.input_ids, cache.states.nbytes, len(cache.logits)) == ((), 0, 0)
        cache.append((3,), states(3), logits(3))
        assert cache.states[0, 0, :, 0].tolist() == [3]


def pool_of(caches: list[EncoderCache], room_for: int, idle_s: float) -> CachePool:
    """A pool to which the caches were added one by one, this many seconds apart."""
    times = iter(range(100))
    pool = CachePool(room_for * filled(1, 2).states.nbytes, clock=lambda: next(times) * idle_s)
    for cache in caches:
        pool.use([cache])
    return pool


def test_the_longest_idle_are_emptied_first() -> None:
    caches = [filled(1, 2) for _ in range(4)]
    pool = pool_of(caches, room_for=3, idle_s=IDLE_S + 1)
    assert [bool(cache.input_ids) for cache in caches] == [False, True, True, True]
    assert pool.nbytes == 3 * caches[1].states.nbytes


def test_where_all_are_in_use_those_that_fit_stay() -> None:
    caches = [filled(1, 2) for _ in range(4)]
    pool_of(caches, room_for=3, idle_s=0)
    assert [bool(cache.input_ids) for cache in caches] == [True, True, True, False]


def test_who_holds_most_makes_room_for_others() -> None:
    pool = CachePool(3 * filled(1, 2).states.nbytes, clock=lambda: 0)

    def use(group: str, count: int) -> list[EncoderCache]:
        caches = [filled(1, 2) for _ in range(count)]
        for cache in caches:
            cache.group = group
            pool.use([cache])
        return caches

    many, one, another = use("many", 3), use("one", 1), use("another", 1)
    assert sum(bool(cache.input_ids) for cache in many) == 1
    assert [bool(cache.input_ids) for cache in (*one, *another)] == [True, True]
    # Of those that hold as much, who comes last has no room.
    assert not use("last", 1)[0].input_ids
    assert one[0].fork().group == "one"


def test_a_cache_larger_than_the_budget_is_emptied_itself() -> None:
    cache = filled(1, 2)
    CachePool(max_bytes=1).use([cache])
    assert cache.input_ids == ()


def test_what_is_under_way_counts_and_is_not_emptied() -> None:
    begun, under_way, idle = filled(1, 2), filled(1, 2), filled(1, 2)
    times = iter((0, IDLE_S + 1, IDLE_S + 2))
    pool = CachePool(2 * idle.states.nbytes, clock=lambda: next(times))
    pool.use([idle])
    pool.use([begun], [under_way])
    assert [bool(cache.input_ids) for cache in (begun, under_way, idle)] == [True, True, False]
    pool.use([begun], [under_way, filled(1, 2)])
    assert [bool(cache.input_ids) for cache in (begun, under_way)] == [False, True]


def test_who_leaves_takes_the_cache_along() -> None:
    pool = CachePool(max_bytes=10**9)
    cache = filled(1, 2)
    pool.use([cache])
    assert pool.nbytes == cache.states.nbytes
    del cache
    gc.collect()
    assert pool.nbytes == 0


def test_a_fork_has_the_same_blocks_and_leaves_those_of_the_first_alone() -> None:
    cache = filled(1, 2, 3, 4)
    fork = cache.fork()
    assert fork.shared_blocks((1, 2, 3, 4, 5), block=2) == 4
    assert np.shares_memory(fork.states, cache.states)
    fork.keep(2)
    fork.append((9,), states(9), logits(9))
    assert (fork.input_ids, cache.input_ids) == ((1, 2, 9), (1, 2, 3, 4))
    assert cache.states[0, 0, :, 0].tolist() == [1, 2, 3, 4]


def test_a_fork_of_a_cache_that_is_being_emptied_is_empty() -> None:
    cache = filled(1, 2, 3, 4)
    cache.input_ids = ()
    assert cache.fork().states.nbytes == 0
