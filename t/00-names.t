#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Names and words: no text has a metaphor where the field has a word, a type
# name is defined once, an exported function is named after its file, and no
# function is long.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

# ---- The rules ---------------------------------------------------------------

# An exported function of src/FOLDER/FILE.c is es_FILE or es_FILE_..., where
# FILE is without _priv, or it has the prefix of its folder's front door.
my %front_door = (
    cluster => 'es_cluster',
    deliver => 'es_delivery',
    grip => 'es_grip',
    journal => 'es_store',
    tls => 'es_tls',
);

# file => further prefixes that it may use, and why
my %other_prefixes = (
    # the client's functions are in client.c and here
    'src/deliver/client_create.c' => ['es_client'],
    'src/deliver/client_line.c' => ['es_client'],
    'src/deliver/client_state.c' => ['es_client'],
    # those of the channel table are in channels.c and here
    'src/journal/channels_repair.c' => ['es_channels'],
    # those of the table of presence are in presence.c and here
    'src/shm/presence_events.c' => ['es_presence'],
    'src/shm/presence_rows.c' => ['es_presence'],
    # what tls_server.c is in other builds
    'src/http/tls_unbuilt.c' => ['es_tls_server'],
    # a message is sent by handover_msg.c and received here
    'src/deliver/handover_msg_receive.c' => ['es_handover_msg'],
);

my $lines_of_function = 60;

# Files in which a word is banned that is right elsewhere.
my $deliver = qr/^(?:src|t\/unit)\/(?:shm|deliver|server)\//;
my $shm = qr/^(?:src|t\/unit)\/shm\//;
my $journal = qr/^(?:src|t\/unit)\/journal\//;
my $others = qr/^(?:src|t\/unit)\/(?!journal\/)/;
my $by_child = qr/^(?:src|t\/unit)\/(?:server\/|deliver\/(?!channel_index)
    |journal\/(?:store|subscriptions|flow_control|layout|check)\b)/x;

# [a word with its forms, the word to use instead, the files in which it is
# banned (default: all), 'code' if it may be used in comments and strings]. A
# word is banned in any case, and as a part of a name: crew, es_crew_t, crewOf.
my @banned = (
    # ships
    ['aboard', 'taken over'],
    ['ashore', 'taken over'],
    ['afloat', 'handed over'],
    ['(?:life)?boats?', 'hand over, the socket between children'],
    ['casts?[ _]off', 'shut down'],
    ['crews?', 'conns'],
    ['ferr(?:y|ies|ied)', 'hand over'],
    ['land(?:s|ed|ing)?', 'arrive, be taken over'],
    ['members?', 'conn', $deliver],
    ['passengers?', 'client that is handed over'],
    ['piers?', 'handover'],
    ['refuges?', 'successor'],
    ['retreat(?:s|ed|ing)?', 'shut down'],
    ['seats?', 'client that is handed over'],
    ['ship(?:s|ping)?|harbou?rs?|sail(?:s|ed|ing|ors?)?|captains?',
        'what it does'],

    # the post office
    ['box(?:es)?', 'outbox'],
    ['cargo(?:es)?', 'body'],
    ['couriers?', 'sender'],
    ['dispatch(?:es|ed|ing)?', 'send, result'],
    ['mail(?:s|ed|ings?|room|box|man)?|parcels?|envelopes?|postal|postm[ae]n',
        'outbox, send'],
    ['shipments?', 'sender_proxy'],

    # the parish
    ['births?', 'epoch'],
    ['broods?', 'child pids'],
    ['bur(?:y|ies|ied|ying|ials?)', 'reap'],
    ['census(?:es)?', 'client count'],
    ['life', 'segment id', $journal],
    ['parish(?:es)?|priests?|church(?:es)?|baptis[a-z]+', 'what it does'],
    ['rosters?', 'channel stats'],
    ['twins?', 'batch duplicates'],

    # shared memory
    ['bells?', 'wake-up'],
    ['boards?', 'children'],
    ['places?', 'child', $shm],
    ['places?', 'child', $by_child, 'code'],
    ['places? (?:for|of) (?:a |the |each |its )?child(?:ren)?', 'child'],
    ['rung|ringing', 'wake'],
    ['(?<!the )(?<!whole )rings?', 'list', $others],

    # counting, speed
    ['haul(?:s|ed|ing)?', 'read'],
    ['headway', 'progress'],
    ['hush(?:es|ed|ing)?', 'block signals'],
    ['meters?', 'counters'],
    ['pac(?:e|es|ed|ing)', 'flow control, interval'],
    ['seldom', 'once in 10 s'],
    ['tall(?:y|ies|ied)', 'stats'],

    # streams
    ['feed(?:s|er|ing)?', 'read, send, NDJSON'],
    ['gates?', 'publish_auth'],
    ['intakes?', 'publish_store'],
    ['outlets?', 'publish_store'],
    ['tap(?:s|ped|ping)?', 'body_stream'],

    # measuring
    ['books?', 'channel_log'],
    ['crowds?', 'subscribers'],
    ['fickle', 'reconnects'],
    ['flocks?', 'followers'],
    ['ledgers?', 'id_index'],
    ['liars?', 'faulty server'],
    ['lies', 'faults', qr/\.[ch]$/, 'code'],
    ['moan(?:s|ed|ing)?', 'report'],
    ['talk(?:s|ed|ing|ative)?', 'send, stream_out'],
    ['witness(?:es|ed)?', 'received'],
);

# phrases in which these words are right
my $allowed = join '|', (
    'landing page',
    'TAP\b',                        # the format of tests
    'ring_bytes|RING\b',            # of the journal
    'journal(?:\.|->)ring',
    '^ \* ring\b',                  # the line before ends with "the"
    '\bline feeds?',
    '\bflock and sysvsem',          # kinds of mutexes
    'struct flock\b',               # of fcntl()
    'redisReaderFeed',              # of hiredis
    'progress-meter',               # an option of curl
    'OSSL_DISPATCH|core_dispatch', # of OpenSSL
    'dispatchEvent',                # of the DOM
    'box-(?:shadow|sizing)',        # of CSS
    '(?:border|content)-box|viewBox',
    '0008-lifeboat',                # the title of a decision
    '^\# 0*8:.*',
);

# ---- Words -------------------------------------------------------------------

# @return the text without comments, strings and characters; lines are the same
sub code_of
{
    my ($text) = @_;
    $text =~ s{/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)'}
        {$& =~ tr/\n//cdr}gse;
    return $text;
}

# @return [line number, word, word to use instead] of each banned word
sub banned_in
{
    my ($path, $text) = @_;
    my @rules = grep { !$_->[2] || $path =~ $_->[2] } @banned;
    my @found;
    for my $part ('text', 'code') {
        my @of_part = grep { ($_->[3] || 'text') eq $part } @rules;
        next if !@of_part;
        my $any = join '|', map { $_->[0] } @of_part;
        my $number = 0;
        for my $line (split /\n/, $part eq 'code' ? code_of($text) : $text) {
            $number++;
            next if $line !~ /$any/i;
            $line =~ s/$allowed/ /g;
            $line =~ s/(?<=[a-z0-9])(?=[A-Z])|_/ /g;
            while ($line =~ /\b($any)\b/gi) {
                my $word = $1;
                my ($rule) = grep { $word =~ /^(?:$_->[0])$/i } @of_part;
                push @found, [$number, $word, $rule->[1]];
            }
        }
    }
    return @found;
}

my (@texts, @paths);
for my $path (project_files()) {
    next if $path eq 't/00-names.t';
    push @texts, map { "$path:$_->[0]: \"$_->[1]\" (instead: $_->[2])" }
        sort { $a->[0] <=> $b->[0] } banned_in($path, text_of($path));
    push @paths, map { "$path: \"$_->[1]\" (instead: $_->[2])" }
        banned_in($path, $path);
}
complain('no text has a banned word', @texts);
complain('no path has a banned word', @paths);

# ---- Names -------------------------------------------------------------------

# @return the files in these folders that match
sub c_files_in
{
    my ($pattern) = @_;
    return grep { /\.[ch]$/ && $_ =~ $pattern } project_files();
}

# @return type name => [path:line of each definition]; kind is typedef or tag
sub types_of
{
    my ($kind, @files) = @_;
    my $pattern = $kind eq 'tag'
        ? qr/\b(?:struct|union|enum)\s+(e[sb]_\w+)\s*\{/
        : qr/\btypedef\b(?:[^;{}(]|(\{(?:[^{}]|(?1))*\}))*?
            \(?\s*\*?\s*\b(e[sb]_\w+)\s*\)?\s*(?:\([^;]*)?;/x;
    my %found;
    for my $path (@files) {
        my $code = code_of(text_of($path));
        while ($code =~ /$pattern/g) {
            my $name = $kind eq 'tag' ? $1 : $2;
            my $line = 1 + (substr($code, 0, $-[0]) =~ tr/\n//);
            push @{$found{$name}}, "$path:$line";
        }
    }
    return \%found;
}

# @return [name, line, number of lines, is static] of each function in the text
sub functions_of
{
    my ($text) = @_;
    my $code = code_of($text);
    my @found;
    while ($code =~ /^((?:__attribute__\(\([^;{}]*?\)\)\s*)?
        ([a-z][^;{}()#]*?)\b(\w+)\([^;{}]*\)\n\{\n.*?^\})/msxg) {
        my ($all, $head, $name, $start) = ($1, $2, $3, $-[0]);
        push @found, [$name, 1 + (substr($code, 0, $start) =~ tr/\n//),
            1 + ($all =~ tr/\n//), $head =~ /\bstatic\b/ && 1];
    }
    return @found;
}

my @twice;
for my $set ([c_files_in(qr/^(src|include)\//)], [c_files_in(qr/^bench\//)]) {
    for my $kind ('typedef', 'tag') {
        my $found = types_of($kind, @$set);
        push @twice, map { "$_: @{$found->{$_}}" }
            grep { @{$found->{$_}} > 1 } sort keys %$found;
    }
}
complain('a type name is defined once', @twice);

my (@prefixes, @long, $functions);
for my $path (c_files_in(qr/^(src\/|mod_eventstream)/)) {
    my ($folder, $file) = $path =~ m{^(?:src/(\w+)/)?(\w+)\.[ch]$};
    my @allowed = ('es_' . $file =~ s/_priv$//r,
        grep { defined } $folder && $front_door{$folder},
        @{$other_prefixes{$path} || []});
    my $allowed_prefix = join '|', map { "\Q$_\E" } @allowed;
    for my $function (functions_of(text_of($path))) {
        my ($name, $line, $lines, $is_static) = @$function;
        $functions++;
        push @long, "$path:$line: $name, $lines lines"
            if $lines > $lines_of_function;
        push @prefixes, "$path:$line: $name, not @allowed"
            if (!$is_static || $path =~ /\.h$/)
                && $name !~ /^(?:$allowed_prefix)(?:_|$)/;
    }
}
complain('an exported function is named after its file', @prefixes);
complain("no function has more than $lines_of_function lines", @long);
cmp_ok $functions, '>', 1000, 'the functions of src/ are found';
done_testing;
