namespace XClr.TestKit.References;

/// <summary>Mean softmax cross-entropy over rows of K columns, of which the first classes count, in double precision.</summary>
public static class SoftmaxCrossEntropyReference
{
    public static Dictionary<string, double[]> Forward(IReadOnlyDictionary<string, double[]> t, int classes, double scale)
    {
        var (logits, labels) = (t["logits"], t["labels"]);
        var (m, k) = (labels.Length, logits.Length / labels.Length);
        double loss = 0, correct = 0;
        var gradient = new double[logits.Length];
        for (var i = 0; i < m; i++)
        {
            var row = logits.AsSpan(i * k, classes).ToArray();
            var (label, top) = ((int)labels[i], row.Max());
            var sum = row.Sum(v => Math.Exp(v - top));
            loss += (Math.Log(sum) + top - row[label]) / m;
            correct += Array.IndexOf(row, top) == label ? 1 : 0;
            for (var j = 0; j < classes; j++)
            {
                gradient[i * k + j] = (Math.Exp(row[j] - top) / sum - (j == label ? 1 : 0)) * scale / m;
            }
        }
        return new() { ["loss"] = [loss], ["correct"] = [correct], ["dlogits"] = gradient };
    }
}
