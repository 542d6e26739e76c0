"""Self-ensembling with a mean teacher."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import torch

from landbridge.core.processes import gather
from landbridge.data.augment import views
from landbridge.data.batches import Batch
from landbridge.losses import class_balance, confident_consistency, is_sure
from landbridge.nn.models import Classifier
from landbridge.training.averaging import Averaged
from landbridge.training.joint import JointMethod, Seen
from landbridge.training.method import Group, Losses, Moment, Setup
from landbridge.training.options import Range


class MeanTeacher(JointMethod):
    """Agree on the target with an average of one's own past weights, where that teacher is sure.

        min over F, C of  L_y(C(F(x_s)), y_s) + weight * (L_c(p(x_t), p'(x_t')) + balance * passing * L_b(p(x_t)))

    p is the student's softmax on one view of a target example, p' the teacher's on another, L_c their squared
    difference where the teacher is surer than `threshold`, and L_b how unequally the batch is shared out among the
    classes, by the share of it that passes the threshold. The teacher is what is used in the end.

    The weights are those of the authors' program. The teacher predicts in evaluation mode, by the student's statistics
    of BatchNorm, where theirs has its own; and the decay starts lower, see `Averaged`. The paper augments both domains:
    the source's augmentation is that of the run (`--augment`).

    Args:
        setup: the set-up.
        weight: of both target losses.
        threshold: of the teacher's largest probability, in [0, 1].
        balance: weight of class balance among the target losses.
        decay: of the teacher's weights.
        student: augmentation of the student's view.
        teacher: augmentation of the teacher's view, drawn apart from the student's.
    """

    paper = "French, Mackiewicz and Fisher, ICLR 2018"

    def __init__(
        self,
        setup: Setup,
        weight: Annotated[float, Range(0.3, 30, log=True)] = 3.0,
        threshold: Annotated[float, Range(0.8, 0.99)] = 0.968,
        balance: Annotated[float, Range(0.001, 0.1, log=True)] = 0.005,
        decay: Annotated[float, Range(0.9, 0.999)] = 0.99,
        student: str = "weak",
        teacher: str = "weak",
    ) -> None:
        super().__init__(setup)
        self.weight, self.threshold, self.balance = weight, threshold, balance
        self.student_view, self.teacher_view = views(student, teacher)
        self.views = {"target": (self.student_view, self.teacher_view)}
        self.teacher = Averaged(super().model(), decay)

    def groups(self) -> Mapping[str, Group]:
        """The student alone: the teacher follows it."""
        return {name: group for name, group in super().groups().items() if name != "teacher"}

    def look(self, batch: Batch) -> Seen:
        """The target as the student sees it."""
        target = batch["target"]
        return super().look({**batch, "target": replace(target, x=target.views[self.student_view])})

    def terms(self, seen: Seen, at: Moment) -> Losses:
        """Consistency and class balance on the target."""
        student = seen.target_logits.softmax(1)
        with torch.no_grad():
            teacher = self.teacher.module(seen.batch["target"].views[self.teacher_view]).softmax(1)
        passing = gather(is_sure(teacher, self.threshold)).mean()
        return Losses(
            consistency=self.weight * confident_consistency(student, teacher, self.threshold),
            balance=self.weight * self.balance * passing * class_balance(gather(student)),
            measures={"passing": lambda: passing},
        )

    def after_step(self, at: Moment) -> None:
        """The teacher follows."""
        self.teacher.update(super().model())

    def model(self) -> Classifier:
        """The teacher."""
        teacher = self.teacher.module
        assert isinstance(teacher, Classifier)
        return teacher
