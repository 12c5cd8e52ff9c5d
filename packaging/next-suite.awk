# next-suite.awk - apt's own entries of one release, rewritten for the next.
#
# In: one of apt's files; `kind` is list or sources, `now` and `next_suite` are code names.
# Out: one file per entry, `out`.N.`kind`. Mirror, keys and options stay as they are.

function write(text) {
    entry++
    file = sprintf("%s.%s.%d.%s", out, base, entry, kind)
    print text > file
    close(file)
}


function is_release(word) {
    return word == now || word == "stable" || word == "oldstable"
}

function has(line, wanted, words, n, i) {
    n = split(line, words, /[ \t]+/)
    for (i = 2; i <= n; i++)
        if (wanted == "" ? is_release(words[i]) : words[i] == wanted)
            return 1
    return 0
}

# --- one line an entry: deb [options] URI suite component... -----------------------------

function one_line(line, options, words) {
    sub(/#.*/, "", line)
    sub(/^[ \t]*deb[ \t]+/, "", line)
    options = ""
    if (match(line, /^\[[^]]*\][ \t]*/)) {
        options = substr(line, 1, RLENGTH)
        line = substr(line, RLENGTH + 1)
    }
    split(line, words, /[ \t]+/)
    if (is_release(words[2]) && has(line, "main"))
        write("deb " options words[1] " " next_suite " main")
}

# --- deb822: stanzas ----------------------------------------------------------------------

function end_of_stanza() {
    if (stanza != "" && fits_suite && fits_component && !disabled && !sources_only)
        write("Types: deb\nSuites: " next_suite "\nComponents: main" stanza)
    stanza = ""
    fits_suite = fits_component = disabled = sources_only = replaced = 0
}

function deb822_line(name) {
    if ($0 ~ /^[ \t]/) { # goes on with the field before
        if (replaced) {
            fits_suite = fits_suite || (replaced == "suites" && has(" " $0, ""))
            fits_component = fits_component || (replaced == "components" && has(" " $0, "main"))
        } else
            stanza = stanza "\n" $0
        return
    }
    name = tolower(substr($0, 1, index($0, ":") - 1))
    replaced = name ~ /^(types|suites|components)$/ ? name : 0
    if (name == "suites")
        fits_suite = has($0, "")
    else if (name == "components")
        fits_component = has($0, "main")
    else if (name == "types")
        sources_only = !has($0, "deb")
    else
        stanza = stanza "\n" $0
    if (name == "enabled")
        disabled = tolower($2) ~ /^(no|false|0|off|without|disable)$/
}

BEGIN {
    base = FILENAME
}
FNR == 1 {
    base = FILENAME
    gsub(/[^A-Za-z0-9]/, "-", base)
}
kind == "list" && /^[ \t]*deb[ \t]/ {
    one_line($0)
    next
}
kind == "sources" && /^[ \t]*#/ { next }
kind == "sources" && /^[ \t]*$/ {
    end_of_stanza()
    next
}
kind == "sources" { deb822_line() }
END {
    if (kind == "sources")
        end_of_stanza()
}
