"""Scalers, projections, encoders, and what puts estimators together."""
from __future__ import annotations

import numpy

from ..route import Refusal
from .graph import Classified, Graph, predict, predicts, transform, transforms


@transforms("StandardScaler")
def standard(graph: Graph, scaler, x: str) -> str:
    if scaler.with_mean:
        x = graph.add("Sub", x, graph.floats(scaler.mean_))
    return graph.add("Div", x, graph.floats(scaler.scale_)) if scaler.with_std else x


@transforms("MinMaxScaler")
def min_max(graph: Graph, scaler, x: str) -> str:
    x = graph.add("Mul", x, graph.floats(scaler.scale_))
    x = graph.add("Add", x, graph.floats(scaler.min_))
    if not scaler.clip:
        return x
    low, high = scaler.feature_range
    return graph.add("Clip", x, graph.floats(low), graph.floats(high))


@transforms("MaxAbsScaler")
def max_abs(graph: Graph, scaler, x: str) -> str:
    return graph.add("Div", x, graph.floats(scaler.scale_))


@transforms("RobustScaler")
def robust(graph: Graph, scaler, x: str) -> str:
    if scaler.with_centering:
        x = graph.add("Sub", x, graph.floats(scaler.center_))
    return graph.add("Div", x, graph.floats(scaler.scale_)) if scaler.with_scaling else x


@transforms("Normalizer")
def normalizer(graph: Graph, scaler, x: str) -> str:
    size = graph.add("Abs", x)
    if scaler.norm == "max":
        size = graph.add("ReduceMax", size, graph.ints([1]), keepdims=1)
    elif scaler.norm == "l1":
        size = graph.sum(size, 1, keep=True)
    else:
        size = graph.add("Sqrt", graph.sum(graph.add("Mul", x, x), 1, keep=True))
    empty = graph.add("Equal", size, graph.floats([[0.0]]))  # such rows stay as they are
    return graph.add("Div", x, graph.add("Where", empty, graph.floats([[1.0]]), size))


@transforms("Binarizer")
def binarizer(graph: Graph, encoder, x: str) -> str:
    return graph.add("Cast", graph.add("Greater", x, graph.floats(encoder.threshold)), to=1)


@transforms("PCA", "IncrementalPCA")
def pca(graph: Graph, model, x: str) -> str:
    components = model.components_
    if model.whiten:
        scale = numpy.sqrt(model.explained_variance_)
        least = numpy.finfo(scale.dtype).eps
        components = components / numpy.maximum(scale, least)[:, None]
    x = graph.add("Sub", x, graph.floats(model.mean_))
    return graph.add("MatMul", x, graph.floats(components.T, "components"))


@transforms("TruncatedSVD")
def svd(graph: Graph, model, x: str) -> str:
    return graph.add("MatMul", x, graph.floats(model.components_.T, "components"))


@transforms("LinearDiscriminantAnalysis")
def discriminant(graph: Graph, model, x: str) -> str:
    if model.solver == "svd":
        x = graph.add("Sub", x, graph.floats(model.xbar_))
    return graph.add("MatMul", x, graph.floats(model.scalings_[:, :model._max_components]))


@transforms("SelectKBest", "SelectPercentile", "SelectFromModel", "VarianceThreshold", "RFE",
            "SelectFpr", "SelectFdr", "SelectFwe", "GenericUnivariateSelect", "RFECV")
def selection(graph: Graph, selector, x: str) -> str:
    return graph.columns(x, selector.get_support(indices=True))


@transforms("SimpleImputer")
def imputer(graph: Graph, model, x: str) -> str:
    if model.add_indicator or not isinstance(model.missing_values, float):
        raise Refusal("SimpleImputer is converted for NaN alone, and without an indicator")
    kept = ~numpy.isnan(numpy.asarray(model.statistics_, dtype=float))
    if not kept.all() and not model.keep_empty_features:
        x = graph.columns(x, numpy.flatnonzero(kept))
    values = numpy.asarray(model.statistics_, dtype=float)[kept if not model.keep_empty_features
                                                           else slice(None)]
    return graph.add("Where", graph.add("IsNaN", x), graph.floats(values), x)


def _categories(encoder) -> list[numpy.ndarray]:
    categories = [numpy.asarray(values) for values in encoder.categories_]
    if any(values.dtype.kind not in "iufb" for values in categories):
        raise Refusal(f"{type(encoder).__name__} of texts is not converted: the module takes numbers")
    return categories


@transforms("OneHotEncoder")
def one_hot(graph: Graph, encoder, x: str) -> str:
    dropped = getattr(encoder, "drop_idx_", None)
    if getattr(encoder, "_infrequent_enabled", False):
        raise Refusal("OneHotEncoder with infrequent categories is not converted")
    parts = []
    for index, values in enumerate(_categories(encoder)):
        if dropped is not None and dropped[index] is not None:
            values = numpy.delete(values, int(dropped[index]))
        same = graph.add("Equal", graph.columns(x, [index]), graph.floats(values[None, :]))
        parts.append(graph.add("Cast", same, to=1))
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)


@transforms("OrdinalEncoder")
def ordinal(graph: Graph, encoder, x: str) -> str:
    parts = []
    for index, values in enumerate(_categories(encoder)):
        same = graph.add("Equal", graph.columns(x, [index]), graph.floats(values[None, :]))
        places = graph.add("Mul", graph.add("Cast", same, to=1),
                           graph.floats(numpy.arange(len(values))[None, :]))
        parts.append(graph.sum(places, 1, keep=True))
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)


@transforms("PolynomialFeatures")
def polynomial(graph: Graph, model, x: str) -> str:
    parts = []
    features = model.n_features_in_
    padded = graph.add("Concat", x, graph.add("Add", graph.add(
        "Mul", graph.columns(x, [0]), graph.floats([[0.0]])), graph.floats([[1.0]])), axis=1)
    # Each output is a product of as many columns as the degree; the column behind the last is one.
    powers = model.powers_
    degree = int(powers.sum(axis=1).max()) if powers.size else 0
    factors = numpy.full((len(powers), max(degree, 1)), features)
    for row, exponents in enumerate(powers):
        columns = numpy.repeat(numpy.arange(features), exponents)
        factors[row, :len(columns)] = columns
    product = None
    for column in range(factors.shape[1]):
        part = graph.columns(padded, factors[:, column])
        product = part if product is None else graph.add("Mul", product, part)
    parts.append(product)
    return parts[0]


@transforms("FunctionTransformer")
def function(graph: Graph, model, x: str) -> str:
    if model.func is None:
        return x
    operators = {numpy.log1p: "Log", numpy.log: "Log", numpy.exp: "Exp", numpy.sqrt: "Sqrt",
                 numpy.abs: "Abs", numpy.tanh: "Tanh"}
    if model.kw_args or model.func not in operators:
        raise Refusal("FunctionTransformer is converted for log, log1p, exp, sqrt, abs and tanh of "
                      "NumPy alone")
    if model.func is numpy.log1p:
        x = graph.add("Add", x, graph.floats([[1.0]]))
    return graph.add(operators[model.func], x)


# ---- Putting together --------------------------------------------------------------------------


@transforms("Pipeline")
def pipeline(graph: Graph, steps, x: str) -> str:
    for _, step in steps.steps:
        x = transform(graph, step, x)
    return x


@predicts("Pipeline")
def pipeline_model(graph: Graph, steps, x: str) -> str | Classified:
    for _, step in steps.steps[:-1]:
        x = transform(graph, step, x)
    return predict(graph, steps.steps[-1][1], x)


@transforms("FeatureUnion")
def union(graph: Graph, model, x: str) -> str:
    weights = model.transformer_weights or {}
    parts = []
    for name, step in model.transformer_list:
        if isinstance(step, str) and step == "drop":
            continue
        part = transform(graph, step, x)
        if name in weights:
            part = graph.add("Mul", part, graph.floats([[weights[name]]]))
        parts.append(part)
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)


def _positions(model, columns) -> numpy.ndarray:
    everything = numpy.arange(model.n_features_in_)
    if isinstance(columns, slice):
        if isinstance(columns.start, str) or isinstance(columns.stop, str):
            raise Refusal("ColumnTransformer by a slice of names is not converted")
        return everything[columns]
    chosen = numpy.atleast_1d(numpy.asarray(columns))
    if chosen.dtype.kind in "US" or chosen.dtype == object:
        names = list(model.feature_names_in_)
        return numpy.array([names.index(name) for name in chosen], dtype=int)
    return everything[chosen]


@transforms("ColumnTransformer")
def by_columns(graph: Graph, model, x: str) -> str:
    parts = []
    for name, step, columns in model.transformers_:
        positions = _positions(model, columns)
        if (isinstance(step, str) and step == "drop") or not len(positions):
            continue
        part = transform(graph, step, graph.columns(x, positions))
        weight = (model.transformer_weights or {}).get(name)
        if weight is not None:
            part = graph.add("Mul", part, graph.floats([[weight]]))
        parts.append(part)
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)
