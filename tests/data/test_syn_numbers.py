import torch

from landbridge.data import syn_numbers
from landbridge.data.registry import load_domain


def test_any_number(fresh_cache):
    domain = syn_numbers.rendered(2_300, 40)
    train, test = domain.splits["train"], domain.splits["test"]
    assert tuple(train.x.read(torch.arange(2_300)).shape) == (2_300, 3, 32, 32)
    assert torch.bincount(test.y).tolist() == [4] * 10
    assert torch.equal(syn_numbers.rendered(2_300, 40).splits["test"].y, test.y)
    assert len(list(fresh_cache.iterdir())) == 1
    assert domain.backbone == "ganin-svhn"
    first, second = train.x.read(torch.arange(40)), test.x.read(torch.arange(40))
    assert not torch.equal(first, second)  # test is drawn apart


def test_sizes_by_name(fresh_cache):
    sizes = {n: [len(part) for part in load_domain(n).splits.values()] for n in ("syn-numbers", "syn-numbers/full")}
    assert sizes == {"syn-numbers": [100_000, 9_553], "syn-numbers/full": [479_400, 9_553]}
    assert not fresh_cache.exists()
