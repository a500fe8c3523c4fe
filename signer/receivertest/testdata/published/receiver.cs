// What publishers write in C#: bitlabs and besitos, with the signature cut off
// the URL as it came. RawUrl, not Url: System.Uri drops the marks of right-to-left
// text, and undoes escapes that need not be.
using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Threading;

public static class Receiver
{
    static readonly string Secret = Environment.GetEnvironmentVariable("POSTBACK_SECRET");

    public static void Main()
    {
        var listener = new HttpListener();
        listener.Prefixes.Add("http://" + Environment.GetEnvironmentVariable("HOST") + ":" + Environment.GetEnvironmentVariable("PORT") + "/");
        listener.Start();
        while (true)
        {
            HttpListenerContext context = listener.GetContext();
            ThreadPool.QueueUserWorkItem(_ => Answer(context));
        }
    }

    static void Answer(HttpListenerContext context)
    {
        int status;
        try { status = Receive(context.Request); }
        catch (Exception error) { Console.Error.WriteLine(error); status = 500; }
        context.Response.StatusCode = status;
        context.Response.ContentLength64 = 0;
        context.Response.Close();
    }

    static int Receive(HttpListenerRequest request)
    {
        string url = "http://" + request.Headers["Host"] + request.RawUrl;
        string parameter = request.RawUrl.StartsWith("/bitlabs") ? "hash" : "verifier";
        if (!IsGenuine(url, parameter)) return 403;
        return IsAsSent(url, parameter) ? 200 : 500;
    }

    static bool IsGenuine(string url, string parameter)
    {
        int at = url.LastIndexOf("&" + parameter + "=", StringComparison.Ordinal);
        if (at < 0) return false;
        byte[] key = Encoding.UTF8.GetBytes(Secret), signed = Encoding.UTF8.GetBytes(url.Substring(0, at));
        using (HMAC mac = parameter == "hash" ? (HMAC)new HMACSHA1(key) : new HMACSHA256(key))
        {
            return Hex(mac.ComputeHash(signed)) == url.Substring(at + parameter.Length + 2);
        }
    }

    // IsAsSent compares the decoded values with the digest of what was sent.
    static bool IsAsSent(string url, string signature)
    {
        var values = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string pair in url.Substring(url.IndexOf('?') + 1).Split('&'))
        {
            int equals = pair.IndexOf('=');
            values.Add(Uri.UnescapeDataString(pair.Substring(0, equals)), Uri.UnescapeDataString(pair.Substring(equals + 1)));
        }
        var text = new MemoryStream();
        foreach (KeyValuePair<string, string> value in values)
        {
            if (value.Key == "sum" || value.Key == signature || value.Key.StartsWith("static")) continue;
            string line = Encoding.UTF8.GetByteCount(value.Value) + ":" + value.Key + "=" + value.Value + "\n";
            byte[] bytes = Encoding.UTF8.GetBytes(line);
            text.Write(bytes, 0, bytes.Length);
        }
        using (var hash = SHA256.Create()) return Hex(hash.ComputeHash(text.ToArray())) == values["sum"];
    }

    static string Hex(byte[] bytes)
    {
        return BitConverter.ToString(bytes).Replace("-", "").ToLowerInvariant();
    }
}
