"""scikit-learn's estimators as modules, against their own predict, predict_proba and transform.

Every conversion is run by ONNX's reference evaluator; those in END_TO_END also go through
`eerie compile` and run as modules, with batches of several sizes. Rows are digits, and random
numbers. Results agree to 1e-5 (of 1 + |value|), labels on every row that scikit-learn is not
undecided about.
"""
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile
import unittest
import warnings

try:
    import joblib
    import numpy
    import onnx.reference
    import onnx.reference.op_run
    import sklearn.cluster
    import sklearn.compose
    import sklearn.datasets
    import sklearn.decomposition
    import sklearn.discriminant_analysis
    import sklearn.ensemble
    import sklearn.feature_selection
    import sklearn.impute
    import sklearn.linear_model
    import sklearn.naive_bayes
    import sklearn.neighbors
    import sklearn.neural_network
    import sklearn.preprocessing
    import sklearn.svm
    import sklearn.tree
    from sklearn.pipeline import FeatureUnion, make_pipeline
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

import eerie
from eerie.importers import sklearn as converter
from eerie.importers.route import Refusal

warnings.showwarning = lambda *_, **__: None
TOLERANCE = 1e-5
EERIE = os.environ.get("EERIE_COMMAND")

P, L, E = sklearn.preprocessing, sklearn.linear_model, sklearn.ensemble
N, B, S = sklearn.neighbors, sklearn.naive_bayes, sklearn.svm
SEED = {"random_state": 0}


def digits():
    data = sklearn.datasets.load_digits()
    return data.data.astype(numpy.float32), data.target


def drawn(rows=300, features=7, seed=3):
    random = numpy.random.default_rng(seed)
    x = random.normal(size=(rows, features)).astype(numpy.float32)
    return x, x[:, 0] * 2 + numpy.sin(x[:, 1] * 3) + random.normal(size=rows) * 0.1


CLASSIFIERS = {
    "logistic": make_pipeline(P.StandardScaler(), L.LogisticRegression(max_iter=100)),
    "perceptron": make_pipeline(P.MinMaxScaler(), sklearn.neural_network.MLPClassifier(
        (32,), max_iter=40, **SEED)),
    "perceptron-tanh": make_pipeline(P.MaxAbsScaler(), sklearn.neural_network.MLPClassifier(
        (16, 12), "tanh", max_iter=20, **SEED)),
    "linear-svc": make_pipeline(P.Normalizer(), sklearn.decomposition.PCA(20), S.LinearSVC()),
    "svc-rbf": S.SVC(),
    "svc-poly": S.SVC(kernel="poly"),
    "svc-linear": make_pipeline(P.MaxAbsScaler(), S.SVC(kernel="linear")),
    "svc-sigmoid-ovo": make_pipeline(P.StandardScaler(), S.SVC(
        kernel="sigmoid", decision_function_shape="ovo")),
    "nu-svc": S.NuSVC(nu=0.1, break_ties=True),
    "neighbours": N.KNeighborsClassifier(),
    "neighbours-distance": make_pipeline(  # whole numbers would have many at one distance
        P.StandardScaler(), N.KNeighborsClassifier(4, weights="distance", p=1)),
    "gaussian-bayes": B.GaussianNB(),
    "multinomial-bayes": B.MultinomialNB(),
    "bernoulli-bayes": B.BernoulliNB(binarize=8.0),
    "tree": sklearn.tree.DecisionTreeClassifier(**SEED),
    "forest": E.RandomForestClassifier(20, **SEED),
    "extra-trees": E.ExtraTreesClassifier(10, **SEED),
    "boosting": E.GradientBoostingClassifier(n_estimators=5, **SEED),
    "histogram-boosting": E.HistGradientBoostingClassifier(max_iter=5),
    "ridge": make_pipeline(P.StandardScaler(with_std=False), L.RidgeClassifier()),
    "stochastic": make_pipeline(P.StandardScaler(), L.SGDClassifier(loss="log_loss", **SEED)),
    "stochastic-hinge": make_pipeline(P.RobustScaler(quantile_range=(1, 99)),
                                      L.SGDClassifier(**SEED)),
    "discriminant": make_pipeline(
        sklearn.feature_selection.VarianceThreshold(0.5),
        sklearn.discriminant_analysis.LinearDiscriminantAnalysis()),
}
TWO_CLASSES = {
    "logistic": L.LogisticRegression(),
    "logistic-liblinear": L.LogisticRegression(solver="liblinear"),
    "perceptron": sklearn.neural_network.MLPClassifier((8,), "logistic", max_iter=50, **SEED),
    "linear-svc": S.LinearSVC(),
    "svc": S.SVC(),
    "tree": sklearn.tree.DecisionTreeClassifier(**SEED),
    "boosting": E.GradientBoostingClassifier(n_estimators=10, **SEED),
    "boosting-exponential": E.GradientBoostingClassifier(
        n_estimators=10, loss="exponential", **SEED),
    "histogram-boosting": E.HistGradientBoostingClassifier(max_iter=10),
    "stochastic": L.SGDClassifier(loss="log_loss", **SEED),
    "neighbours": N.KNeighborsClassifier(3),
}
REGRESSORS = {
    "linear": L.LinearRegression(),
    "ridge": make_pipeline(P.PolynomialFeatures(2), L.Ridge()),
    "lasso": L.Lasso(0.01),
    "elastic": L.ElasticNet(0.01),
    "perceptron": sklearn.neural_network.MLPRegressor(hidden_layer_sizes=(16,), max_iter=100, **SEED),
    "linear-svr": S.LinearSVR(),
    "svr": S.SVR(),
    "svr-poly": S.SVR(kernel="poly", coef0=1.0),
    "neighbours": N.KNeighborsRegressor(),
    "neighbours-distance": N.KNeighborsRegressor(weights="distance"),
    "neighbours-chebyshev": N.KNeighborsRegressor(metric="chebyshev", weights="distance"),
    "tree": sklearn.tree.DecisionTreeRegressor(**SEED),
    "forest": E.RandomForestRegressor(10, **SEED),
    "boosting": E.GradientBoostingRegressor(n_estimators=20, **SEED),
    "histogram-boosting": E.HistGradientBoostingRegressor(max_iter=20),
}
MANY_VALUES = {
    "linear": L.LinearRegression(),
    "ridge": L.Ridge(),
    "perceptron": sklearn.neural_network.MLPRegressor(hidden_layer_sizes=(16,), max_iter=50, **SEED),
    "neighbours": N.KNeighborsRegressor(),
    "tree": sklearn.tree.DecisionTreeRegressor(**SEED),
    "forest": E.ExtraTreesRegressor(5, **SEED),
}
TRANSFORMERS = {
    "standard": P.StandardScaler(),
    "min-max": P.MinMaxScaler((-1, 1), clip=True),
    "max-abs": P.MaxAbsScaler(),
    "robust": P.RobustScaler(),
    "normalizer-l1": P.Normalizer("l1"),
    "normalizer-max": P.Normalizer("max"),
    "pca": sklearn.decomposition.PCA(3, whiten=True),
    "svd": sklearn.decomposition.TruncatedSVD(3),
    "binarizer": P.Binarizer(threshold=0.1),
    "polynomial": P.PolynomialFeatures(3, include_bias=False),
    "interactions": P.PolynomialFeatures(2, interaction_only=True),
    "log": P.FunctionTransformer(numpy.exp),
    "union": FeatureUnion([("a", P.StandardScaler()), ("b", sklearn.decomposition.PCA(2))],
                          transformer_weights={"b": 2.0}),
    "columns": sklearn.compose.ColumnTransformer(
        [("a", P.StandardScaler(), [0, 3]), ("b", "passthrough", slice(4, 6)),
         ("c", "drop", [1])], remainder=P.MinMaxScaler()),
    "select": sklearn.feature_selection.VarianceThreshold(0.9),
    "means": sklearn.cluster.KMeans(3, n_init=1, **SEED),
}
# Of CLASSIFIERS, as modules too.
END_TO_END = ("logistic", "perceptron", "svc-rbf", "neighbours-distance", "gaussian-bayes", "forest",
              "boosting")


def expected(estimator, x):
    """What scikit-learn says, in the module's order."""
    if hasattr(estimator, "classes_"):
        if hasattr(estimator, "predict_proba"):
            return [estimator.predict(x), estimator.predict_proba(x)]
        return [estimator.predict(x), estimator.decision_function(x)]
    if type(estimator).__name__ == "KMeans" or not hasattr(estimator, "predict"):
        predict = getattr(estimator, "predict", estimator.transform)
        return [predict(x)]
    return [estimator.predict(x)]


class GatherElements(onnx.reference.op_run.OpRun):
    """As the standard has it; the evaluator's own fails where there are more than 32 columns."""

    def _run(self, data, indices, axis=None):
        return (numpy.take_along_axis(data, indices, axis=axis),)


class Conversions(unittest.TestCase):
    def compare(self, estimator, x, results):
        wanted = expected(estimator, x)
        self.assertEqual(len(results), len(wanted))
        for result, want in zip(results, wanted):
            result, want = numpy.asarray(result), numpy.asarray(want)
            self.assertEqual(result.shape, want.shape)
        if hasattr(estimator, "classes_"):
            scores = wanted[1] if wanted[1].ndim == 2 else numpy.stack([-wanted[1], wanted[1]], 1)
            order = numpy.sort(scores, axis=1)
            decided = order[:, -1] - order[:, -2] > TOLERANCE
            # Machines for pairs vote, and scores need not agree with the votes.
            self.assertGreater(decided.mean(), 0.9)
            numpy.testing.assert_array_equal(numpy.asarray(results[0])[decided],
                                             wanted[0][decided])
        result, want = numpy.asarray(results[-1]), numpy.asarray(wanted[-1])
        self.assertLessEqual(numpy.max(numpy.abs(result - want) / (1 + numpy.abs(want))), TOLERANCE)

    def evaluate(self, estimator, x):
        proto, notes = converter.convert(estimator)
        onnx.checker.check_model(proto, full_check=True)
        evaluator = onnx.reference.ReferenceEvaluator(proto, new_ops=[GatherElements])
        for rows in (len(x), 1):
            self.compare(estimator, x[:rows], evaluator.run(None, {"input": x[:rows]}))
        return notes

    def each(self, table, x, y):
        half = len(x) * 2 // 3
        for name, estimator in table.items():
            with self.subTest(name):
                fitted = sklearn.base.clone(estimator).fit(x[:half], y[:half])
                self.evaluate(fitted, x[half:half + 150])

    def test_digits(self):
        x, y = digits()
        self.each(CLASSIFIERS, x[:900], y[:900])

    def test_two_classes(self):
        x, y = drawn()
        self.each(TWO_CLASSES, x, (y > 0.2).astype(int) * 3 + 5)  # labels 5 and 8

    def test_regressors(self):
        x, y = drawn()
        self.each(REGRESSORS, x, y)
        self.each({"poisson": L.PoissonRegressor(),
                   "histogram": E.HistGradientBoostingRegressor(loss="poisson", max_iter=10)},
                  x, numpy.abs(y) + 0.1)
        self.each(MANY_VALUES, x, numpy.stack([y, -y, y * y], 1))

    def test_transformers(self):
        x, y = drawn()
        x[7] = 0  # a row without direction
        self.each(TRANSFORMERS, x, y)

    def test_categories(self):
        x = numpy.random.default_rng(5).integers(0, 4, (60, 3)).astype(numpy.float32)
        for encoder in (P.OneHotEncoder(sparse_output=False, drop="first"), P.OrdinalEncoder(),
                        P.OneHotEncoder(sparse_output=False, handle_unknown="ignore")):
            self.evaluate(encoder.fit(x), x[20:])

    def test_missing_values(self):
        x, y = drawn()
        x[numpy.random.default_rng(1).random(x.shape) < 0.1] = numpy.nan
        self.evaluate(make_pipeline(sklearn.impute.SimpleImputer(), L.Ridge()).fit(x, y), x)
        self.evaluate(E.HistGradientBoostingRegressor(max_iter=10).fit(x, y), x)
        self.evaluate(E.RandomForestRegressor(5).fit(x, y), x)
        self.evaluate(E.RandomForestRegressor(5).fit(numpy.nan_to_num(x), y), x)

    def test_names_of_classes(self):
        x, y = drawn()
        names = numpy.where(y > 1, "high", numpy.where(y < -1, "low", "middle"))
        model = sklearn.tree.DecisionTreeClassifier(**SEED).fit(x, names)
        proto, notes = converter.convert(model)
        self.assertIn("0 high, 1 low, 2 middle", notes[0])
        label, _ = onnx.reference.ReferenceEvaluator(proto, new_ops=[GatherElements]).run(None, {"input": x})
        self.assertEqual(list(model.classes_[label]), list(model.predict(x)))

    def test_refusals(self):
        x, y = drawn(60)
        several = numpy.stack([y > 0, y > 1], 1).astype(int)
        for words, model in (
                ("GaussianProcessRegressor is none of the estimators",
                 __import__("sklearn.gaussian_process").gaussian_process.GaussianProcessRegressor()
                 .fit(x, y)),
                ("QuantileTransformer is none of the transformers",
                 make_pipeline(P.QuantileTransformer(), L.Ridge()).fit(x, y)),
                ("several", sklearn.tree.DecisionTreeClassifier().fit(x, several)),
                ("several", sklearn.neural_network.MLPClassifier((3,), max_iter=5).fit(x, several)),
                ("metric", N.KNeighborsRegressor(metric="canberra").fit(x, y)),
                ("FunctionTransformer", P.FunctionTransformer(numpy.cos).fit(x)),
                ("not fitted", L.Ridge()),
                ("begins with a Ridge", E.GradientBoostingRegressor(
                    n_estimators=2, init=L.Ridge()).fit(x, y))):
            with self.subTest(words), self.assertRaisesRegex(Refusal, words):
                converter.convert(model)


@unittest.skipUnless(EERIE, "EERIE_COMMAND does not name the command")
class Command(Conversions):
    """Pickles through `eerie compile`, and the modules."""

    test_digits = test_two_classes = test_regressors = test_transformers = None
    test_categories = test_missing_values = test_names_of_classes = test_refusals = None

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def run_eerie(self, *arguments):
        environment = {**os.environ, "EERIE_PYTHON": sys.executable}
        return subprocess.run([EERIE, *arguments], cwd=self.folder, capture_output=True, text=True,
                              check=False, env=environment, timeout=300)

    def test_modules(self):
        x, y = digits()
        for name in END_TO_END:
            with self.subTest(name):
                model = sklearn.base.clone(CLASSIFIERS[name]).fit(x[:600], y[:600])
                path = self.folder / "model.pkl"
                path.write_bytes(pickle.dumps(model))
                done = self.run_eerie("compile", "model.pkl", "--trust-pickle")
                self.assertEqual(done.returncode, 0, done.stderr)
                module = eerie.load(self.folder / "model.vmfb")
                for rows in (297, 1, 8):
                    part = x[1500:1500 + rows]
                    self.compare(model, part, module.predict(part))

    def test_fixed_batch(self):
        x, y = drawn()
        joblib.dump(make_pipeline(P.StandardScaler(), E.RandomForestRegressor(5)).fit(x, y),
                    self.folder / "model.joblib")
        done = self.run_eerie("compile", "model.joblib", "--trust-pickle", "--dim=batch=4",
                              "--function=price")
        self.assertEqual(done.returncode, 0, done.stderr)
        module = eerie.load(self.folder / "model.vmfb")
        model = joblib.load(self.folder / "model.joblib")
        self.compare(model, x[:4], [module.price(x[:4])])
        with self.assertRaises(eerie.InvalidArgumentError):
            module.price(x[:5])

    def refuses(self, code, words, *arguments):
        done = self.run_eerie("import", *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_from_python(self):
        x, y = drawn(60)
        model = L.Ridge().fit(x, y)
        (self.folder / "model.pkl").write_bytes(pickle.dumps(model))
        loaded = eerie.compile(self.folder / "model.pkl", trust_pickle=True)
        self.compare(model, x, [loaded(x)])

    def test_weights_swapped(self):
        """One module, and what the same estimator weighs after another training."""
        x, y = drawn(120)
        estimators = {}
        for name, rows in (("first", slice(0, 60)), ("second", slice(60, 120))):
            estimators[name] = make_pipeline(P.StandardScaler(), sklearn.neural_network.MLPRegressor(
                hidden_layer_sizes=(8,), max_iter=30, **SEED)).fit(x[rows], y[rows])
            (self.folder / f"{name}.pkl").write_bytes(pickle.dumps(estimators[name]))
            done = self.run_eerie("compile", f"{name}.pkl", "--trust-pickle", "-o", f"{name}.vmfb",
                                  "--parameters", f"{name}.irpa")
            self.assertEqual(done.returncode, 0, done.stderr)
        for name, estimator in estimators.items():
            module = eerie.load(self.folder / "first.vmfb",
                                parameters={"model": self.folder / f"{name}.irpa"})
            numpy.testing.assert_allclose(module(x), estimator.predict(x), rtol=1e-4, atol=1e-4)

    def test_trust(self):
        mark = self.folder / "ran"

        class Program:
            def __reduce__(self):
                return pathlib.Path.touch, (mark,)

        (self.folder / "evil.pkl").write_bytes(pickle.dumps(Program()))
        self.refuses(3, ["evil.pkl", "--trust-pickle", "a program"], "evil.pkl")
        self.assertFalse(mark.exists())
        with self.assertRaisesRegex(eerie.InvalidArgumentError, "a program"):
            eerie.compile(self.folder / "evil.pkl")
        self.assertFalse(mark.exists())
        self.refuses(3, ["evil.pkl", "NoneType"], "evil.pkl", "--trust-pickle")
        self.assertTrue(mark.exists())

    def test_bad_pickles(self):
        x, y = drawn(60)
        whole = pickle.dumps(L.Ridge().fit(x, y))
        for content in (b"no pickle at all", whole[:100], whole[:-1], b"\x80\x05"):
            (self.folder / "bad.pkl").write_bytes(content)
            self.refuses(3, ["bad.pkl", "not a pickle"], "bad.pkl", "--trust-pickle")
        (self.folder / "bad.pkl").write_bytes(pickle.dumps({"a": 1}))
        self.refuses(3, ["bad.pkl", "dict"], "bad.pkl", "--trust-pickle")
        (self.folder / "good.pkl").write_bytes(whole)
        self.refuses(3, ["'rows'", "batch"], "good.pkl", "--trust-pickle", "--dim=rows=1")
        (self.folder / "gp.pkl").write_bytes(pickle.dumps(L.Ridge()))
        self.refuses(1, ["not fitted"], "gp.pkl", "--trust-pickle")


if __name__ == "__main__":
    unittest.main()
