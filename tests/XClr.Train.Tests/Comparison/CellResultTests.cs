using System.Text.Json.Nodes;
using XClr.Train.Comparison;
using XClr.Train.Evaluation;

namespace XClr.Train.Tests;

public sealed class CellResultTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Cell => folder.File("cell.json");

    private ComparisonRequest Request(EvalProtocol protocol, params string[] templates) =>
        new(new TrainConfig { Data = "d", ValData = "v" }, [LossKind.Xclr], Seeds: 1, Rates: [], protocol, EvalOptions.Default with { Templates = [.. templates.Select(t => new PromptTemplate(t))] }, folder);

    private void Write(ComparisonRequest request) =>
        new CellResult("X-CLR", 0, request.Config.ToJson(), 2, 16, 1.5, "a device", 0.5, new Dictionary<string, string>(), new Dictionary<string, double> { ["knn_top1"] = 0.5 }, request.ProtocolNames, request.Prompts).Write(Cell);

    private void RequireSame(ComparisonRequest request) => CellResult.Read(Cell)!.RequireSame(request, request.Config, Cell);

    private string Refused(ComparisonRequest request)
    {
        var message = Assert.Throws<UsageException>(() => RequireSame(request)).Message;
        Assert.StartsWith($"{Cell} was measured with other options", message);
        Assert.Contains("--out", message);
        Assert.Contains("delete that file", message);
        return message;
    }

    [Fact]
    public void Results_of_another_protocol_are_refused()
    {
        Write(Request(EvalProtocol.Knn | EvalProtocol.Linear, "a {}"));
        RequireSame(Request(EvalProtocol.Linear | EvalProtocol.Knn, "a {}"));
        // Nothing was measured by a template.
        RequireSame(Request(EvalProtocol.Linear | EvalProtocol.Knn, "the {}"));
        Assert.Contains("(protocol linear,knn -> knn,fidelity)", Refused(Request(EvalProtocol.Knn | EvalProtocol.Fidelity, "a {}")));
        Assert.Contains("(protocol linear,knn -> linear,knn,zeroshot)", Refused(Request(EvalProtocol.Knn | EvalProtocol.Linear | EvalProtocol.ZeroShot, "a {}")));
    }

    [Fact]
    public void Results_of_other_templates_are_refused()
    {
        Write(Request(EvalProtocol.ZeroShot, "a {}", "two {}"));
        RequireSame(Request(EvalProtocol.ZeroShot, "a {}", "two {}"));
        Assert.Contains("(templates 'two {}' (2 of 2) -> 'three {}' (2 of 2))", Refused(Request(EvalProtocol.ZeroShot, "a {}", "three {}")));
        Assert.Contains("(templates 'two {}' (2 of 2) -> none after 1)", Refused(Request(EvalProtocol.ZeroShot, "a {}")));
        Assert.Contains("(templates none after 2 -> 'three {}' (3 of 3))", Refused(Request(EvalProtocol.ZeroShot, "a {}", "two {}", "three {}")));
    }

    [Fact]
    public void A_file_that_does_not_say_how_it_was_measured_is_taken()
    {
        Write(Request(EvalProtocol.ZeroShot, "a {}"));
        var json = JsonNode.Parse(File.ReadAllText(Cell))!.AsObject();
        Assert.True(json.Remove("protocol") && json.Remove("templates"));
        File.WriteAllText(Cell, json.ToJsonString());
        RequireSame(Request(EvalProtocol.Knn | EvalProtocol.ZeroShot, "the {}"));
    }

    [Fact]
    public void Options_of_the_training_come_first()
    {
        Write(Request(EvalProtocol.Knn, "a {}"));
        var other = Request(EvalProtocol.Linear, "a {}");
        var message = Assert.Throws<UsageException>(() => CellResult.Read(Cell)!.RequireSame(other, other.Config with { BatchSize = 2 * other.Config.BatchSize }, Cell)).Message;
        Assert.Contains("was made with other options (batch-size", message);
    }

    [Theory]
    [InlineData("maps", "null")]
    [InlineData("values", "null")]
    [InlineData("device", "null")]
    [InlineData("values", "3")]
    public void A_damaged_result_is_refused_with_the_remedy(string name, string value)
    {
        Write(Request(EvalProtocol.Knn, "a {}"));
        var json = JsonNode.Parse(File.ReadAllText(Cell))!;
        json[name] = JsonNode.Parse(value);
        File.WriteAllText(Cell, json.ToJsonString());
        Assert.Contains("delete it", Assert.Throws<UsageException>(() => CellResult.Read(Cell)).Message);
    }
}
