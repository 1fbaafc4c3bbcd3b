using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace XClr.Data.Readers;

/// <summary>Collects the members of one key into a sample. Used again for the next shard. classes: what labels that are names are looked up in; null: they are none.</summary>
internal sealed class WebSampleBuilder(ShardHandles handles, ObjectPool<RawSample> samples, ClassList? classes)
{
    private const int MaxText = 1 << 20;
    private const int MostKnown = 64;
    private const int LongestKnown = 16;
    private static readonly HashSet<string> ImageKeys = new(StringComparer.Ordinal) { "jpg", "jpeg", "png", "webp" };

    // Lower-case extensions met so far, so that each is one string.
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly HashSet<string> _extensions = new(StringComparer.Ordinal);
    private readonly TextList _text = new(), _class = new();
    private readonly JsonText _json = new();
    private string _shard = "";
    private bool _inMemory, _withText, _hasClass;
    private RawSample? _sample, _finished;

    /// <summary>Begins with a shard. <paramref name="inMemory"/>: image bytes are read at once, since they cannot be later.</summary>
    public WebSampleBuilder Begin(string shard, bool inMemory, bool withText)
    {
        Forget();
        (_shard, _inMemory, _withText, _finished) = (shard, inMemory, withText, null);
        return this;
    }

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
        if (_sample is null || !name[..dot].SequenceEqual(_sample.KeyText) || !_extensions.Add(extension))
        {
            Finish();
            _sample = samples.Rent().Begin(name[..dot], _shard);
            _extensions.Add(extension);
        }
        tar.RequireWhole(member);
        if (ImageKeys.Contains(extension))
        {
            if (_sample.Image is null)
            {
                AddImage(_sample, tar, member);
            }
        }
        else if (_withText && extension is "txt" or "json" or "cls" && member.Size <= MaxText)
        {
            AddText(extension, tar.Peek(member));
        }
    }

    /// <summary>Ends the current sample, so that <see cref="TakeFinished"/> gives it.</summary>
    public void Finish()
    {
        if (_sample is not null)
        {
            _finished = Complete(_sample);
        }
        Forget();
    }

    /// <summary>Forgets the current sample.</summary>
    public void Drop()
    {
        _sample?.Recycle();
        Forget();
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

    private void AddImage(RawSample sample, TarReader tar, TarMember member)
    {
        if (_withText && _inMemory)
        {
            var bytes = tar.ReadPooled(member);
            sample.Place<MemorySource>().Own(bytes, (int)member.Size);
        }
        else
        {
            sample.Place<ShardSource>().Set(handles, _shard, member.Offset, member.Size);
        }
    }

    private void AddText(string extension, ReadOnlyMemory<byte> bytes)
    {
        switch (extension)
        {
            case "txt":
                _text.AddClean(bytes.Span);
                break;
            case "cls":
                _class.AddClean(bytes.Span);
                _hasClass = true;
                break;
            default:
                _json.Parse(bytes.Span);
                break;
        }
    }

    private RawSample Complete(RawSample sample)
    {
        AddCaptions(sample);
        // A text in json says nothing where there are no classes to look it up in: in many sets it names none.
        var written = _hasClass ? _class : classes is not null && _json.LabelText.Count > 0 ? _json.LabelText : null;
        var text = written is { Count: > 0 } ? written[0] : [];
        sample.Label = written is null ? _json.Label : ClassList.Label(text, classes);
        if (sample.Image is null)
        {
            return sample.Break(SampleFault.NoImage, $"members: {string.Join(", ", _extensions)}");
        }
        return written is not null && sample.Label is null ? sample.Break(SampleFault.BadLabel, $"'{text}' is no class index{(classes is null ? "; a classes file would say it" : $", and no class of '{classes.Path}'")}") : sample;
    }

    // The text before the json's caption, and either before the first of its captions.
    private void AddCaptions(RawSample sample)
    {
        var first = _text.Count > 0 ? _text : _json.Caption;
        var main = first.Count > 0 ? _json.Captions.IndexOf(first[0]) : 0;
        if (main < 0)
        {
            sample.AddCaption(first[0]);
        }
        for (var i = 0; i < _json.Captions.Count; i++)
        {
            sample.AddCaption(_json.Captions[i]);
        }
        sample.MainCaption = Math.Max(0, main);
    }

    private void Forget()
    {
        _sample = null;
        _text.Clear();
        _class.Clear();
        _hasClass = false;
        _json.Clear();
        _extensions.Clear();
    }
}

/// <summary>What a sample's json says: `caption` (a text or a list), `captions`, `label` (an integer or a text); of a name that comes twice the last counts. Used again for the next.</summary>
internal sealed class JsonText
{
    /// <summary>The caption, clean; one text or none.</summary>
    public TextList Caption { get; } = new();

    /// <summary>The captions, clean.</summary>
    public TextList Captions { get; } = new();

    /// <summary>The label where it is an integer.</summary>
    public int? Label { get; private set; }

    /// <summary>The label where it is a text, clean; one or none.</summary>
    public TextList LabelText { get; } = new();

    /// <summary>Forgets what was said.</summary>
    public void Clear()
    {
        Caption.Clear();
        Captions.Clear();
        LabelText.Clear();
        Label = null;
    }

    /// <summary>Reads UTF-8 json, invalid bytes replaced; what is not a valid object says nothing.</summary>
    public void Parse(ReadOnlySpan<byte> utf8)
    {
        while (utf8.StartsWith(Encoding.UTF8.Preamble))
        {
            utf8 = utf8[Encoding.UTF8.Preamble.Length..];
        }
        if (!Utf8.IsValid(utf8))
        {
            utf8 = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(utf8));
        }
        if (!TryRead(utf8) && PythonJson.WithNulls(utf8) is { } json)
        {
            TryRead(json);
        }
    }

    private bool TryRead(ReadOnlySpan<byte> utf8)
    {
        Clear();
        try
        {
            Read(utf8);
            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escape that is half a surrogate pair.
            Clear();
            return false;
        }
    }

    private void Read(ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return;
        }
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (caption, captions, label) = (reader.ValueTextEquals("caption"u8), reader.ValueTextEquals("captions"u8), reader.ValueTextEquals("label"u8));
            reader.Read();
            if (caption)
            {
                Caption.Clear();
                Caption.AddClean(ref reader);
                AddAll(ref reader, Caption);
            }
            else if (captions)
            {
                Captions.Clear();
                AddAll(ref reader, Captions);
            }
            else if (label)
            {
                Label = reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out var index) ? index : null;
                LabelText.Clear();
                AddLabel(ref reader);
            }
            reader.Skip();
        }
        // What follows the object is an error.
        reader.Read();
        TakeList();
    }

    // A text with half a surrogate pair is no class's name; the rest of the object counts.
    private void AddLabel(ref Utf8JsonReader reader)
    {
        try
        {
            LabelText.AddClean(ref reader);
        }
        catch (InvalidOperationException)
        {
            LabelText.Clear();
        }
    }

    // A list under `caption` is among the captions, and its first is the caption.
    private void TakeList()
    {
        if (Caption.Count < 2)
        {
            return;
        }
        for (var i = 0; i < Caption.Count; i++)
        {
            if (Captions.IndexOf(Caption[i]) < 0)
            {
                Captions.Add(Caption[i]);
            }
        }
        Caption.Keep(1);
    }

    private static void AddAll(ref Utf8JsonReader reader, TextList texts)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return;
        }
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            texts.AddClean(ref reader);
            reader.Skip();
        }
    }
}
