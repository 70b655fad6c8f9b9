from selip_extract.tagger.network import COUNTS, DISTANCES, distance_bucket
from selip_extract.tagger.pairs import pairs


def test_buckets_rise_with_the_distance_and_stay_within_their_number() -> None:
    buckets = [distance_bucket(d) for d in range(-500, 501)]
    assert buckets == sorted(buckets)
    assert set(buckets) == set(range(DISTANCES))
    assert distance_bucket(-1) < distance_bucket(0)


def test_a_pair_knows_what_lies_between_its_site_and_its_value() -> None:
    text = "左额、右颞高。枕低"
    sites, values = [(1, 2), (4, 5), (7, 8)], [(5, 6), (8, 9)]
    found = {(p.site, p.value): p for p in pairs(text, sites, values)}
    assert len(found) == 6
    assert [found[s, 0].between for s in range(3)] == [1, 0, 0]
    assert [found[s, 1].between for s in range(3)] == [2, 1, 0]
    assert [found[s, 1].stops for s in range(3)] == [1, 1, 0]
    assert found[1, 0].distance == distance_bucket(1)
    assert found[2, 0].distance == distance_bucket(-2)


def test_counts_have_an_end() -> None:
    text = "额。" * 20 + "高"
    found = list(pairs(text, [(2 * i, 2 * i + 1) for i in range(20)], [(40, 41)]))
    assert max(p.stops for p in found) == max(p.between for p in found) == COUNTS - 1
