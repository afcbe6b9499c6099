"""What compares a row with rows that were learnt: support vectors, neighbours, centres."""
from __future__ import annotations

import itertools

import numpy

from ..route import Refusal
from .graph import Classified, Graph, best, best_of_two, classes_of, predicts, transforms


def _distances(graph: Graph, x: str, rows: numpy.ndarray, power: float = 2.0) -> str:
    """Of each row of x to each of `rows`, [n, rows]: sums of powers, or the largest difference.

    Differences are taken one by one: multiplied out, near neighbours would come out of order.
    """
    apart = graph.add("Abs", graph.add("Sub", graph.add("Unsqueeze", x, graph.ints([1])),
                                       graph.floats(rows[None], "rows")))
    if numpy.isinf(power):
        return graph.add("ReduceMax", apart, graph.ints([2]), keepdims=0)
    if power == 2.0:
        apart = graph.add("Mul", apart, apart)
    elif power != 1.0:
        apart = graph.add("Pow", apart, graph.floats(power))
    return graph.sum(apart, 2)


# ---- Support vector machines -------------------------------------------------------------------

def _kernel(graph: Graph, model, x: str) -> str:
    """The kernel of each row with each support vector, [n, vectors]."""
    vectors = model.support_vectors_
    if hasattr(vectors, "toarray"):
        vectors = vectors.toarray()
    if model.kernel == "rbf":
        return graph.add("Exp", graph.add("Mul", _distances(graph, x, vectors),
                                          graph.floats([[-model._gamma]])))
    product = graph.add("MatMul", x, graph.floats(vectors.T, "vectors"))
    if model.kernel == "linear":
        return product
    if model.kernel not in ("poly", "sigmoid"):
        raise Refusal(f"{type(model).__name__} with the kernel {model.kernel} is not converted")
    product = graph.add("Add", graph.add("Mul", product, graph.floats([[model._gamma]])),
                        graph.floats([[model.coef0]]))
    if model.kernel == "sigmoid":
        return graph.add("Tanh", product)
    return _whole_power(graph, product, model.degree)


def _whole_power(graph: Graph, x: str, degree: float) -> str:
    if degree != int(degree) or not 1 <= degree <= 8:
        return graph.add("Pow", x, graph.floats([[degree]]))
    result = x
    for _ in range(int(degree) - 1):
        result = graph.add("Mul", result, x)
    return result


def _dense(matrix) -> numpy.ndarray:
    return matrix.toarray() if hasattr(matrix, "toarray") else numpy.asarray(matrix)


@predicts("SVC", "NuSVC")
def classifier(graph: Graph, model, x: str) -> Classified:
    classes = classes_of(model)
    if model.probability:
        graph.notes.append(f"{type(model).__name__}: the module gives the scores of the decision "
                           "function; probabilities of this estimator are an estimate apart from it")
    kernel = _kernel(graph, model, x)
    dual = _dense(model.dual_coef_)
    if len(classes) == 2:
        return best_of_two(graph, graph.affine(kernel, dual.T, model.intercept_))
    return _pairs(graph, model, kernel, dual, len(classes))


def _pairs(graph: Graph, model, kernel: str, dual: numpy.ndarray, count: int) -> Classified:
    """Each pair of classes has a machine of its own; the class that most of them name is it."""
    ends = numpy.cumsum(model.n_support_)
    starts = ends - model.n_support_
    pairs = list(itertools.combinations(range(count), 2))
    matrix = numpy.zeros((dual.shape[1], len(pairs)))
    votes = numpy.zeros((2, len(pairs), count))  # if the first of the pair wins; if the second
    signs = numpy.zeros((len(pairs), count))
    for number, (i, j) in enumerate(pairs):
        # libsvm keeps, for a vector of class i, its weight against class j in row j - 1 (j > i) or j.
        matrix[starts[i]:ends[i], number] = dual[j - 1, starts[i]:ends[i]]
        matrix[starts[j]:ends[j], number] = dual[i, starts[j]:ends[j]]
        votes[0, number, i] = votes[1, number, j] = 1
        signs[number, i], signs[number, j] = 1, -1
    decisions = graph.affine(kernel, matrix, model.intercept_)
    first = graph.add("Cast", graph.add("Greater", decisions, graph.floats([[0.0]])), to=1)
    ballots = graph.affine(first, votes[0] - votes[1], votes[1].sum(axis=0))
    positions = graph.add("ArgMax", ballots, axis=1, keepdims=0)
    if model.decision_function_shape == "ovo":
        return Classified(positions, decisions, "scores")
    sums = graph.add("MatMul", decisions, graph.floats(signs))
    size = graph.add("Add", graph.add("Abs", sums), graph.floats([[1.0]]))
    share = graph.add("Div", sums, graph.add("Mul", size, graph.floats([[3.0]])))
    scores = graph.add("Add", ballots, share)
    if model.break_ties:
        return best(graph, scores, "scores")
    return Classified(positions, scores, "scores")


@predicts("SVR", "NuSVR")
def regressor(graph: Graph, model, x: str) -> str:
    return graph.flatten(graph.affine(_kernel(graph, model, x), _dense(model.dual_coef_).T,
                                      model.intercept_))


# ---- Neighbours --------------------------------------------------------------------------------

def _power(model) -> float:
    metric, power = model.effective_metric_, model.effective_metric_params_.get("p", model.p)
    powers = {"euclidean": 2.0, "manhattan": 1.0, "chebyshev": numpy.inf, "l1": 1.0, "l2": 2.0,
              "cityblock": 1.0, "minkowski": float(power)}
    if metric not in powers or "w" in model.effective_metric_params_:
        raise Refusal(f"{type(model).__name__} with the metric {metric} is not converted")
    return powers[metric]


def _neighbours(graph: Graph, model, x: str) -> tuple[str, str]:
    """(positions, weights) of the nearest rows, [n, k] both; weights add up to one."""
    rows = _dense(model._fit_X)
    power = _power(model)
    distances = _distances(graph, x, rows, power)
    count = model.n_neighbors
    near, positions = graph.add_many("TopK", 2, graph.add("Neg", distances), graph.ints([count]),
                                     axis=1, largest=1, sorted=1)
    near = graph.add("Neg", near)
    if model.weights == "uniform":
        ones = graph.add("Add", graph.add("Mul", near, graph.floats([[0.0]])),
                         graph.floats([[1.0 / count]]))
        return positions, ones
    if model.weights != "distance":
        raise Refusal(f"{type(model).__name__} with weights of its own is not converted")
    if power == 2.0:
        near = graph.add("Sqrt", near)
    elif power != 1.0 and not numpy.isinf(power):
        near = graph.add("Pow", near, graph.floats(1.0 / power))
    # A row that was learnt itself has all the weight, with others that are the same.
    zero = graph.add("Equal", near, graph.floats([[0.0]]))
    same = graph.add("Cast", zero, to=1)
    found = graph.add("Greater", graph.sum(same, 1, keep=True), graph.floats([[0.0]]))
    inverse = graph.add("Reciprocal", graph.add("Where", zero, graph.floats([[1.0]]), near))
    weights = graph.add("Where", found, same, inverse)
    return positions, graph.add("Div", weights, graph.sum(weights, 1, keep=True))


def _average(graph: Graph, table: numpy.ndarray, positions: str, weights: str) -> str:
    """Rows of `table` at positions [n, k], averaged: [n, columns]."""
    rows = graph.add("Gather", graph.floats(table, "targets"), positions, axis=0)
    spread = graph.add("Unsqueeze", weights, graph.ints([2]))
    return graph.sum(graph.add("Mul", rows, spread), 1)


@predicts("KNeighborsClassifier")
def neighbours(graph: Graph, model, x: str) -> Classified:
    table = numpy.eye(len(classes_of(model)))[numpy.asarray(model._y).reshape(-1)]
    return best(graph, _average(graph, table, *_neighbours(graph, model, x)), "probabilities")


@predicts("KNeighborsRegressor")
def neighbour_values(graph: Graph, model, x: str) -> str:
    targets = numpy.asarray(model._y, dtype=float)
    average = _average(graph, targets.reshape(len(targets), -1), *_neighbours(graph, model, x))
    return graph.flatten(average) if targets.ndim == 1 else average


# ---- Centres -----------------------------------------------------------------------------------

@predicts("KMeans", "MiniBatchKMeans")
def means(graph: Graph, model, x: str) -> str:
    return graph.add("ArgMin", _distances(graph, x, model.cluster_centers_), axis=1, keepdims=0)


@transforms("KMeans", "MiniBatchKMeans")
def mean_distances(graph: Graph, model, x: str) -> str:
    return graph.add("Sqrt", _distances(graph, x, model.cluster_centers_))
