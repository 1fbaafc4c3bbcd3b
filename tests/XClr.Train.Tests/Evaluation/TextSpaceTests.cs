using System.Numerics.Tensors;
using XClr.Nn.Models;
using XClr.Train.Evaluation;

namespace XClr.Train.Tests.Evaluation;

public class TextSpaceTests
{
    [SkippableFact]
    public void A_class_is_the_mean_of_its_own_prompts()
    {
        using var captions = CaptionSource.Open("static-minilm-128", "cpu", []);
        string[] names = ["cat", "house", "ship"];
        PromptTemplate[] templates = [new("a photo of a {}"), new("art of the {class}")];
        var classes = new TextSpace("texts", null, null, null).Classes(TestDevices.Get(TestDevices.Lavapipe), captions, names, templates, default);
        Assert.Equal(3, classes.Count);
        for (var c = 0; c < 3; c++)
        {
            var prompts = captions.EmbedRows([.. templates.Select(t => t.Fill(names[c]))]);
            float[] sum = new float[prompts.Width];
            TensorPrimitives.Add(prompts[0], prompts[1], sum);
            Assert.Equal(1, TensorPrimitives.Norm(classes[c]), 1e-5);
            Assert.Equal(1, TensorPrimitives.CosineSimilarity(classes[c], sum), 1e-5);
        }
    }

    [SkippableFact]
    public void Clips_space_has_the_temperature_and_the_text_map_that_were_learnt()
    {
        var device = TestDevices.Get(TestDevices.Lavapipe);
        lock (TestDevices.Gate)
        {
            using var model = new Model(new ModelSpec(Arch.ResNet18, Stem.Small, 0.0625, HeadKind.Clip, ProjectionWidth: 6, TextWidth: 4));
            ModelInit.Fill(device, model, 1);
            var space = TextSpace.OfClip(device, model);
            Assert.Equal(1 / 0.07, space.LogitScale!.Value, 1e-4);
            // A row of the identity picks a row of the map.
            var map = StateDict.Download(device, model.Parameters, model.Parameters.Values).Single(a => a.Name == Model.TextMap);
            Assert.Equal([6, 4], map.Shape);
            var text = space.Texts(device, RowMatrix.Of([0, 2, 0, 0], 4), default);
            float[] wanted = [.. Enumerable.Range(0, 6).Select(o => map.Values[(o * 4) + 1])];
            Assert.Equal(1, TensorPrimitives.Norm(text[0]), 1e-5);
            Assert.Equal(1, TensorPrimitives.CosineSimilarity(text[0], wanted), 1e-5);
        }
    }
}
