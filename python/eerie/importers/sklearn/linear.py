"""Linear models, multilayer perceptrons, naive Bayes."""
from __future__ import annotations

import numpy

from ..route import Refusal
from .graph import Classified, Graph, best, best_of_two, classes_of, predicts


def _scores(graph: Graph, model, x: str) -> str:
    coefficients = numpy.atleast_2d(numpy.asarray(
        model.coef_.toarray() if hasattr(model.coef_, "toarray") else model.coef_))
    return graph.affine(x, coefficients.T, model.intercept_)


def _one_against_rest(model) -> bool:
    return getattr(model, "multi_class", None) == "ovr" or (
        getattr(model, "solver", None) == "liblinear")


@predicts("LogisticRegression", "LogisticRegressionCV")
def logistic(graph: Graph, model, x: str) -> Classified:
    scores = _scores(graph, model, x)
    if len(classes_of(model)) == 2:
        return best(graph, graph.two_classes(graph.add("Sigmoid", scores)), "probabilities")
    if _one_against_rest(model):
        return best(graph, graph.normalized(graph.add("Sigmoid", scores)), "probabilities")
    return best(graph, graph.add("Softmax", scores, axis=1), "probabilities")


@predicts("LinearDiscriminantAnalysis")
def discriminant(graph: Graph, model, x: str) -> Classified:
    scores = _scores(graph, model, x)
    if len(classes_of(model)) == 2:
        return best(graph, graph.two_classes(graph.add("Sigmoid", scores)), "probabilities")
    return best(graph, graph.add("Softmax", scores, axis=1), "probabilities")


@predicts("LinearSVC", "RidgeClassifier", "RidgeClassifierCV", "Perceptron",
          "PassiveAggressiveClassifier")
def scored(graph: Graph, model, x: str) -> Classified:
    scores = _scores(graph, model, x)
    if len(classes_of(model)) == 2:
        return best_of_two(graph, scores)
    return best(graph, scores, "scores")


@predicts("SGDClassifier")
def stochastic(graph: Graph, model, x: str) -> Classified:
    if model.loss != "log_loss":
        return scored(graph, model, x)
    chances = graph.add("Sigmoid", _scores(graph, model, x))
    if len(classes_of(model)) == 2:
        return best(graph, graph.two_classes(chances), "probabilities")
    return best(graph, graph.normalized(chances), "probabilities")


@predicts("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV",
          "SGDRegressor", "LinearSVR", "HuberRegressor", "BayesianRidge", "ARDRegression", "Lars",
          "LassoLars", "OrthogonalMatchingPursuit", "TheilSenRegressor", "QuantileRegressor")
def regression(graph: Graph, model, x: str) -> str:
    values = _scores(graph, model, x)
    return graph.flatten(values) if numpy.ndim(model.coef_) == 1 or not _many(model) else values


def _many(model) -> bool:
    """Whether predictions are [n, outputs]: as the coefficients are."""
    return numpy.ndim(model.coef_) == 2 and not (
        numpy.shape(model.coef_)[0] == 1 and numpy.ndim(model.intercept_) == 0)


@predicts("PoissonRegressor", "GammaRegressor", "TweedieRegressor")
def exponential(graph: Graph, model, x: str) -> str:
    values = graph.flatten(_scores(graph, model, x))
    link = type(model._get_loss().link).__name__
    if link == "IdentityLink":
        return values
    if link != "LogLink":
        raise Refusal(f"{type(model).__name__} with {link} is not converted")
    return graph.add("Exp", values)


# ---- Perceptrons -------------------------------------------------------------------------------

_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid"}


def _layers(graph: Graph, model, x: str) -> str:
    last = len(model.coefs_) - 1
    for index, (matrix, offset) in enumerate(zip(model.coefs_, model.intercepts_)):
        x = graph.affine(x, matrix, offset)
        if index < last and model.activation != "identity":
            x = graph.add(_ACTIVATIONS[model.activation], x)
    return x


@predicts("MLPClassifier")
def perceptron(graph: Graph, model, x: str) -> Classified:
    classes = classes_of(model)
    x = _layers(graph, model, x)
    if model.out_activation_ == "softmax":
        return best(graph, graph.add("Softmax", x, axis=1), "probabilities")
    if len(classes) != 2 or model.n_outputs_ != 1:
        raise Refusal("MLPClassifier with several labels a row is not converted")
    return best(graph, graph.two_classes(graph.add("Sigmoid", x)), "probabilities")


@predicts("MLPRegressor")
def perceptron_values(graph: Graph, model, x: str) -> str:
    x = _layers(graph, model, x)
    return graph.flatten(x) if model.n_outputs_ == 1 else x


# ---- Naive Bayes -------------------------------------------------------------------------------

def _relative(coefficients: numpy.ndarray) -> numpy.ndarray:
    """[classes, features] against their mean, which changes no probability: smaller numbers have
    smaller errors."""
    return coefficients - coefficients.mean(axis=0)


def _bayes(graph: Graph, likelihoods: str) -> Classified:
    return best(graph, graph.add("Softmax", likelihoods, axis=1), "probabilities")


@predicts("GaussianNB")
def gaussian(graph: Graph, model, x: str) -> Classified:
    prior = numpy.log(model.class_prior_) - 0.5 * numpy.sum(
        numpy.log(2.0 * numpy.pi * model.var_), axis=1)
    # Differences first: squares that are multiplied out would drown them.
    apart = graph.add("Sub", graph.add("Unsqueeze", x, graph.ints([1])),
                      graph.floats(model.theta_[None]))
    apart = graph.add("Mul", apart, graph.floats(numpy.sqrt(0.5 / model.var_)[None]))
    total = graph.sum(graph.add("Mul", apart, apart), 2)
    return _bayes(graph, graph.add("Sub", graph.floats(prior[None]), total))


@predicts("MultinomialNB")
def multinomial(graph: Graph, model, x: str) -> Classified:
    return _bayes(graph, graph.affine(x, _relative(model.feature_log_prob_).T,
                                     model.class_log_prior_))


@predicts("BernoulliNB")
def bernoulli(graph: Graph, model, x: str) -> Classified:
    if model.binarize is not None:
        x = graph.add("Cast", graph.add("Greater", x, graph.floats(model.binarize)), to=1)
    absent = numpy.log(1.0 - numpy.exp(model.feature_log_prob_))
    offset = _relative(model.class_log_prior_ + absent.sum(axis=1))
    return _bayes(graph, graph.affine(x, _relative(model.feature_log_prob_ - absent).T, offset))
