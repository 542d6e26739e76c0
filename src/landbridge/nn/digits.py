"""Small networks of the domain adaptation literature as feature extractors, and stand-ins for them on feature vectors.

Their label heads and discriminators are not part of them: each maker tells the usual widths of both.
"""

from collections import OrderedDict

from torch import nn

from landbridge.nn.blueprint import Blueprint
from landbridge.nn.preprocessing import Preprocessing


def ganin_mnist(batch_norm: bool = False) -> Blueprint:
    """The MNIST network of Ganin and Lempitsky (ICML 2015, figure 4a): 28x28 to 768 features.

    Args:
        batch_norm: put BatchNorm behind each convolution, which the paper's network has not.

    >>> import torch
    >>> ganin_mnist().network(torch.zeros(1, 3, 28, 28)).shape
    torch.Size([1, 768])
    """
    network = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 32, 5),
            **({"norm1": nn.BatchNorm2d(32)} if batch_norm else {}),
            relu1=nn.ReLU(inplace=True),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(32, 48, 5),
            **({"norm2": nn.BatchNorm2d(48)} if batch_norm else {}),
            relu2=nn.ReLU(inplace=True),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
        )
    )
    return Blueprint(network, Preprocessing((28, 28)), head_hidden=(100, 100), discriminator_hidden=(100,))


def ganin_svhn() -> Blueprint:
    """The SVHN network of Ganin and Lempitsky (ICML 2015, figure 4b): 32x32 to 8,192 features.

    The figure tells no padding. With 2 a side, and pooling that counts the last partial window as Caffe does, the maps
    shrink from 32 to 16 to 8 pixels; without padding the third convolution would not fit. The paper trains this one
    with dropout, which belongs to the head.
    """
    network = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 64, 5, padding=2),
            relu1=nn.ReLU(inplace=True),
            pool1=nn.MaxPool2d(3, stride=2, ceil_mode=True),
            conv2=nn.Conv2d(64, 64, 5, padding=2),
            relu2=nn.ReLU(inplace=True),
            pool2=nn.MaxPool2d(3, stride=2, ceil_mode=True),
            conv3=nn.Conv2d(64, 128, 5, padding=2),
            relu3=nn.ReLU(inplace=True),
            flatten=nn.Flatten(),
        )
    )
    return Blueprint(network, Preprocessing((32, 32)), head_hidden=(3072, 2048))


def ganin_signs() -> Blueprint:
    """The GTSRB network of Ganin and Lempitsky (ICML 2015, figure 4c): 40x40 to 1,024 features."""
    network = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 96, 5),
            relu1=nn.ReLU(inplace=True),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(96, 144, 3),
            relu2=nn.ReLU(inplace=True),
            pool2=nn.MaxPool2d(2),
            conv3=nn.Conv2d(144, 256, 5),
            relu3=nn.ReLU(inplace=True),
            pool3=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
        )
    )
    return Blueprint(network, Preprocessing((40, 40)), head_hidden=(512,))


def lenet() -> Blueprint:
    """LeNet as Caffe ships it, after LeCun et al. (Proc. IEEE 1998): 28x28 to 800 features.

    The two convolutions have no activation but the max-pooling. ADDA (Tzeng et al., CVPR 2017) adapts it with a
    discriminator of 500 and 500 hidden units.
    """
    network = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 20, 5),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(20, 50, 5),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
        )
    )
    return Blueprint(network, Preprocessing((28, 28)), head_hidden=(500,), discriminator_hidden=(500, 500))


def mlp(inputs: int, hidden: int = 256, batch_norm: bool = False) -> Blueprint:
    """One fully connected layer and a ReLU over feature vectors, for frozen features, tables and toy data.

    Args:
        inputs: width of the vectors, [N, inputs].
        hidden: width of what comes out.
        batch_norm: whether BatchNorm comes between the two; it makes up for the layer's own bias, which is left out.
    """
    layers = OrderedDict[str, nn.Module](fc1=nn.Linear(inputs, hidden, bias=not batch_norm))
    if batch_norm:
        layers["norm1"] = nn.BatchNorm1d(hidden)
    layers["relu1"] = nn.ReLU(inplace=True)
    network = nn.Sequential(layers)
    return Blueprint(network, Preprocessing(), discriminator_hidden=(hidden,), inputs=inputs)


def identity(inputs: int) -> Blueprint:
    """Feature vectors as they are: whatever follows learns on them alone.

    Args:
        inputs: width of the vectors, [N, inputs].
    """
    return Blueprint(nn.Identity(), Preprocessing(), inputs=inputs)
