using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace XClr.Data.Readers;

/// <summary>Collects the members of one key into a sample. <c>inMemory</c>: image bytes are read at once, since they cannot be later.</summary>
internal sealed class WebSampleBuilder(string shard, bool inMemory, bool withText, ShardHandles handles)
{
    private const int MaxText = 1 << 20;
    private const int MostKnown = 64;
    private const int LongestKnown = 16;
    private static readonly HashSet<string> ImageKeys = new(StringComparer.Ordinal) { "jpg", "jpeg", "png", "webp" };

    // Lower-case extensions met so far, so that each is one string.
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly HashSet<string> _extensions = new(StringComparer.Ordinal);
    private string? _key;
    private ImageSource? _image;
    private string? _text, _cls;
    private JsonText _json = JsonText.None;
    private RawSample? _finished;

    /// <summary>Adds a member; the sample before it is finished where the key changes.</summary>
    public void Add(TarReader tar, TarMember member)
    {
        // The key is the path up to the first dot of the file's name; the rest, in lower case, says what the member is.
        var name = tar.Name;
        var fileStart = name.LastIndexOf('/') + 1;
        var dot = name[fileStart..].IndexOf('.') + fileStart;
        if (dot <= fileStart)
        {
            return;
        }
        var extension = Extension(name[(dot + 1)..]);
        if (!name[..dot].SequenceEqual(_key) || !_extensions.Add(extension))
        {
            Finish();
            _key = new(name[..dot]);
            _extensions.Add(extension);
        }
        tar.RequireWhole(member);
        if (ImageKeys.Contains(extension))
        {
            _image ??= withText && inMemory
                ? new MemorySource(tar.ReadBytes(member))
                : new ShardSource(handles, shard, member.Offset, member.Size);
        }
        else if (withText && extension is "txt" or "json" or "cls" && member.Size <= MaxText)
        {
            AddText(extension, tar.Peek(member));
        }
    }

    /// <summary>Ends the current sample, so that <see cref="TakeFinished"/> gives it.</summary>
    public void Finish()
    {
        if (_key is not null)
        {
            _finished = Build(_key);
        }
        Drop();
    }

    /// <summary>Forgets the current sample.</summary>
    public void Drop()
    {
        (_key, _image, _text, _cls, _json) = (null, null, null, null, JsonText.None);
        _extensions.Clear();
    }

    /// <summary>The sample that was finished last, once.</summary>
    public RawSample? TakeFinished()
    {
        var finished = _finished;
        _finished = null;
        return finished;
    }

    private string Extension(ReadOnlySpan<char> written)
    {
        if (written.Length > LongestKnown)
        {
            return written.ToString().ToLowerInvariant();
        }
        Span<char> lower = stackalloc char[LongestKnown];
        lower = lower[..written.ToLowerInvariant(lower)];
        var known = _known.GetAlternateLookup<ReadOnlySpan<char>>();
        if (known.TryGetValue(lower, out var extension))
        {
            return extension;
        }
        extension = lower.ToString();
        if (_known.Count < MostKnown)
        {
            _known.Add(extension);
        }
        return extension;
    }

    private void AddText(string extension, ReadOnlyMemory<byte> bytes)
    {
        switch (extension)
        {
            case "txt":
                _text = CaptionText.Clean(bytes.Span);
                break;
            case "cls":
                _cls = Encoding.UTF8.GetString(bytes.Span).Trim();
                break;
            default:
                _json = JsonText.Parse(bytes.Span);
                break;
        }
    }

    private RawSample Build(string key)
    {
        var caption = _text ?? _json.Caption ?? (_json.Captions.Count > 0 ? _json.Captions[0] : null);
        var captions = caption is null || _json.Captions.Count == 0 ? null : _json.Captions.Contains(caption) ? _json.Captions : [caption, .. _json.Captions];
        var sample = new RawSample
        {
            Key = key,
            Source = shard,
            Image = _image,
            Caption = caption,
            Captions = captions,
            Label = int.TryParse(_cls, out var label) ? label : _cls is null ? _json.Label : null,
        };
        if (_image is null)
        {
            return sample with { Fault = SampleFault.NoImage, FaultDetail = $"members: {string.Join(", ", _extensions)}" };
        }
        return _cls is not null && sample.Label is null
            ? sample with { Fault = SampleFault.BadLabel, FaultDetail = $"'{_cls}' is no class index" }
            : sample;
    }
}

/// <summary>What a sample's json says: `caption`, `captions`, an integer `label`; of a name that comes twice the last counts.</summary>
internal readonly record struct JsonText(string? Caption, IReadOnlyList<string> Captions, int? Label)
{
    public static JsonText None { get; } = new(null, [], null);

    /// <summary>Reads UTF-8 json, invalid bytes replaced; what is not a valid object says nothing.</summary>
    public static JsonText Parse(ReadOnlySpan<byte> utf8)
    {
        try
        {
            while (utf8.StartsWith(Encoding.UTF8.Preamble))
            {
                utf8 = utf8[Encoding.UTF8.Preamble.Length..];
            }
            return Read(Utf8.IsValid(utf8) ? utf8 : Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(utf8)));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escape that is half a surrogate pair.
            return None;
        }
    }

    private static JsonText Read(ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return None;
        }
        var said = None;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (caption, captions, label) = (reader.ValueTextEquals("caption"u8), reader.ValueTextEquals("captions"u8), reader.ValueTextEquals("label"u8));
            reader.Read();
            said = caption ? said with { Caption = Text(ref reader) }
                : captions ? said with { Captions = Texts(ref reader) }
                : label ? said with { Label = reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var index) ? index : null }
                : said;
            reader.Skip();
        }
        // What follows the object is an error.
        reader.Read();
        return said;
    }

    private static string? Text(ref Utf8JsonReader reader) =>
        reader.TokenType != JsonTokenType.String ? null : reader.ValueIsEscaped ? CaptionText.Clean(reader.GetString()) : CaptionText.Clean(reader.ValueSpan);

    private static IReadOnlyList<string> Texts(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return [];
        }
        var texts = new List<string>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (Text(ref reader) is { } text)
            {
                texts.Add(text);
            }
            reader.Skip();
        }
        return texts;
    }
}
