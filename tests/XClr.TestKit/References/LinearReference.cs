namespace XClr.TestKit.References;

/// <summary>Linear layer y = x w + bias and its gradients in double precision. x: [M,C], w: [C,K].</summary>
public static class LinearReference
{
    public static Dictionary<string, double[]> All(int rows, int c, int k, double[] x, double[] w, double[]? bias, double[] dy)
    {
        double[] y = new double[rows * k], dx = new double[rows * c], dw = new double[c * k], dbias = new double[k];
        for (var m = 0; m < rows; m++)
        {
            for (var j = 0; j < k; j++)
            {
                y[m * k + j] = bias?[j] ?? 0;
                dbias[j] += dy[m * k + j];
                for (var i = 0; i < c; i++)
                {
                    y[m * k + j] += x[m * c + i] * w[i * k + j];
                    dx[m * c + i] += dy[m * k + j] * w[i * k + j];
                    dw[i * k + j] += x[m * c + i] * dy[m * k + j];
                }
            }
        }
        return new() { ["y"] = y, ["dx"] = dx, ["dw"] = dw, ["dbias"] = dbias };
    }
}
