"""From a sound file to a named species, with nothing heavier than LiteRT.

Start with :class:`avianvox.inference.classifier.Classifier`. ``windows`` cuts a stream of feature rows,
``runtime`` runs the graph, ``executors`` spreads files over workers, ``formats`` prints the answers.
"""
