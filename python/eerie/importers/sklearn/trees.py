"""Trees, forests and boosting.

All trees of an estimator go down together: the nodes of all stand in one table, each tree has a
position in it, and one step moves all of them a level further. A leaf leads to itself, so that as
many steps as the deepest tree has levels suffice; they are written out one after another.
"""
from __future__ import annotations

import dataclasses

import numpy

from ..route import Refusal
from .graph import Classified, Graph, best, classes_of, predicts

# Levels are written out; a list of a tree's rows sorted by one feature is no tree to compile.
_DEEPEST = 128


def _below(thresholds) -> numpy.ndarray:
    """The largest float32 that is not above each threshold: rows of float32 compare the same."""
    exact = numpy.asarray(thresholds, dtype=numpy.float64)
    near = exact.astype(numpy.float32)
    above = near.astype(numpy.float64) > exact
    near[above] = numpy.nextafter(near[above], numpy.float32(-numpy.inf))
    return near


@dataclasses.dataclass
class _Table:
    """The nodes of all trees: arrays over nodes, and where the trees begin."""

    features: list = dataclasses.field(default_factory=list)
    thresholds: list = dataclasses.field(default_factory=list)
    left: list = dataclasses.field(default_factory=list)
    right: list = dataclasses.field(default_factory=list)
    missing_left: list = dataclasses.field(default_factory=list)
    values: list = dataclasses.field(default_factory=list)  # [nodes, outputs]
    roots: list = dataclasses.field(default_factory=list)
    size: int = 0
    depth: int = 0

    def add(self, features, thresholds, left, right, values, leaves, missing_left=None) -> None:
        count = len(features)
        here = numpy.arange(count)
        left, right = numpy.where(leaves, here, left), numpy.where(leaves, here, right)
        self.roots.append(self.size)
        self.features.append(numpy.where(leaves, 0, features))
        self.thresholds.append(numpy.where(leaves, 0.0, thresholds))
        self.left.append(left + self.size)
        self.right.append(right + self.size)
        self.missing_left.append(numpy.zeros(count, bool) if missing_left is None
                                 else numpy.asarray(missing_left, bool) & ~leaves)
        self.values.append(values)
        self.size += count
        self.depth = max(self.depth, _depth(left, right, leaves))


def _depth(left, right, leaves) -> int:
    depth, level = 0, [0]
    while True:
        level = [child for node in level if not leaves[node]
                 for child in (int(left[node]), int(right[node]))]
        if not level:
            return depth
        depth += 1
        if depth > _DEEPEST:
            raise Refusal(f"a tree with more than {_DEEPEST} levels is not converted")


def _leaves(graph: Graph, table: _Table, x: str) -> str:
    """The values of the leaves that a row ends in, [n, trees, outputs]."""
    missing_left = numpy.concatenate(table.missing_left)
    features = graph.ints(numpy.concatenate(table.features), "features")
    thresholds = graph.floats(_below(numpy.concatenate(table.thresholds)), "thresholds")
    children = graph.ints(numpy.stack([numpy.concatenate(table.left),
                                       numpy.concatenate(table.right)], axis=1), "children")
    # A comparison with NaN is false, which leads to the right.
    missing = graph.truths(missing_left) if missing_left.any() else None
    # Every row starts at the roots: zeros of the batch's size, whatever is in it, and the roots.
    nothing = graph.add("And", graph.add("IsNaN", graph.columns(x, [0])), graph.truths([[False]]))
    first = graph.add("Cast", nothing, to=7)
    at = graph.add("Add", first, graph.ints([table.roots], "roots"))
    for _ in range(table.depth):
        seen = graph.add("GatherElements", x, graph.add("Gather", features, at, axis=0), axis=1)
        goes_left = graph.add("LessOrEqual", seen, graph.add("Gather", thresholds, at, axis=0))
        if missing:
            goes_left = graph.add("Or", goes_left, graph.add(
                "And", graph.add("IsNaN", seen), graph.add("Gather", missing, at, axis=0)))
        # The child is a sum over both, one of them times zero: the compiler makes every level anew
        # for each use that the next has for it, but not across sums.
        sides = graph.add("Unsqueeze", graph.add("Cast", goes_left, to=7), graph.ints([2]))
        sides = graph.add("Concat", sides, graph.add("Sub", graph.ints([[[1]]]), sides), axis=2)
        both = graph.add("Gather", children, at, axis=0)
        at = graph.sum(graph.add("Mul", both, sides), 2)
    return graph.add("Gather", graph.floats(numpy.concatenate(table.values), "leaves"), at, axis=0)


def _add_tree(table: _Table, estimator, values: numpy.ndarray) -> None:
    tree = estimator.tree_
    table.add(tree.feature, tree.threshold, tree.children_left, tree.children_right, values,
              tree.children_left < 0, tree.missing_go_to_left)


def _members(model) -> list:
    """The trees of a forest, or the tree itself."""
    members = getattr(model, "estimators_", None)
    return [model] if members is None else list(members)


# ---- Trees and forests -------------------------------------------------------------------------

_FORESTS = ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees")


@predicts(*(f"{name}Classifier" for name in _FORESTS))
def forest(graph: Graph, model, x: str) -> Classified:
    classes_of(model)  # refuses several outputs
    table = _Table()
    for member in _members(model):
        values = member.tree_.value[:, 0, :]
        _add_tree(table, member, values / values.sum(axis=1, keepdims=True))
    leaves = _leaves(graph, table, x)
    return best(graph, graph.add("ReduceMean", leaves, graph.ints([1]), keepdims=0),
                "probabilities")


@predicts(*(f"{name}Regressor" for name in _FORESTS))
def forest_values(graph: Graph, model, x: str) -> str:
    table = _Table()
    for member in _members(model):
        _add_tree(table, member, member.tree_.value[:, :, 0])
    mean = graph.add("ReduceMean", _leaves(graph, table, x), graph.ints([1]), keepdims=0)
    return graph.flatten(mean) if model.n_outputs_ == 1 else mean


# ---- Boosting ----------------------------------------------------------------------------------

def _boosted(graph: Graph, model, x: str) -> str:
    """The raw predictions of gradient boosting, [n, outputs]."""
    table = _Table()
    outputs = model.estimators_.shape[1]
    for stage in model.estimators_:
        for member in stage:
            _add_tree(table, member, member.tree_.value[:, 0, :] * model.learning_rate)
    start = model._raw_predict_init(numpy.zeros((1, model.n_features_in_), numpy.float32))
    if type(model.init_).__name__ not in ("DummyClassifier", "DummyRegressor", "str"):
        raise Refusal(f"{type(model).__name__} that begins with a {type(model.init_).__name__} is "
                      "not converted")
    return _summed(graph, _leaves(graph, table, x), outputs, start)


def _summed(graph: Graph, leaves: str, outputs: int, start) -> str:
    """Stages added up: [n, stages * outputs, 1] and what everything begins with."""
    stages = graph.add("Reshape", leaves, graph.ints([0, -1, outputs]))
    total = graph.sum(stages, 1)
    return graph.add("Add", total, graph.floats(numpy.reshape(start, (1, outputs))))


@predicts("GradientBoostingClassifier")
def boosting(graph: Graph, model, x: str) -> Classified:
    raw = _boosted(graph, model, x)
    if len(classes_of(model)) > 2:
        return best(graph, graph.add("Softmax", raw, axis=1), "probabilities")
    if model.loss == "exponential":
        raw = graph.add("Mul", raw, graph.floats([[2.0]]))
    return best(graph, graph.two_classes(graph.add("Sigmoid", raw)), "probabilities")


@predicts("GradientBoostingRegressor")
def boosting_values(graph: Graph, model, x: str) -> str:
    return graph.flatten(_boosted(graph, model, x))


def _histogram(graph: Graph, model, x: str) -> str:
    table = _Table()
    outputs = model.n_trees_per_iteration_
    for stage in model._predictors:
        for predictor in stage:
            nodes = predictor.nodes
            if numpy.any(nodes["is_categorical"]):
                raise Refusal(f"{type(model).__name__} with categories is not converted")
            table.add(nodes["feature_idx"].astype(numpy.int64), nodes["num_threshold"],
                      nodes["left"].astype(numpy.int64), nodes["right"].astype(numpy.int64),
                      nodes["value"][:, None], nodes["is_leaf"].astype(bool),
                      nodes["missing_go_to_left"])
    return _summed(graph, _leaves(graph, table, x), outputs,
                   model._baseline_prediction)


@predicts("HistGradientBoostingClassifier")
def histogram(graph: Graph, model, x: str) -> Classified:
    raw = _histogram(graph, model, x)
    if len(classes_of(model)) > 2:
        return best(graph, graph.add("Softmax", raw, axis=1), "probabilities")
    return best(graph, graph.two_classes(graph.add("Sigmoid", raw)), "probabilities")


@predicts("HistGradientBoostingRegressor")
def histogram_values(graph: Graph, model, x: str) -> str:
    values = graph.flatten(_histogram(graph, model, x))
    link = type(model._loss.link).__name__
    if link == "LogLink":
        return graph.add("Exp", values)
    if link != "IdentityLink":
        raise Refusal(f"{type(model).__name__} with {link} is not converted")
    return values
