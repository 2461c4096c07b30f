#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The programs of docs/publishing.md, as they stand there, each with its own
# interpreter: what they publish arrives. A program whose interpreter is missing
# is skipped, with a note.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use POSIX ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Snippets;

my $docs = snippets('docs/publishing.md');
my $has_lua = EventStream::Httpd->has_module('lua');
my $has_cgi = EventStream::Httpd->has_module('cgid');
my $id = qr/\d{13}-\d+/;

my $httpd = EventStream::Httpd->start(
    modules => [$has_lua ? 'lua' : (), $has_cgi ? 'cgid' : ()],
    files => {'app/publish.lua' => '', 'cgi/publish.cgi' => ''},
    conf => <<'CONF' . $docs->{'path.conf'} . lua_conf());
<Location "/events">
    SetHandler eventstream
    EventStreamChannel room-kitchen
</Location>
<Location "/publish">
    SetHandler eventstream-publish
    LimitRequestBody 0
    Require local
</Location>
<IfModule mod_cgid.c>
    ScriptSock "@ROOT@/run/cgi"
</IfModule>
ScriptAlias "/cgi-bin/" "@DOCROOT@/cgi/"
CONF

sub lua_conf
{
    return $has_lua ? $docs->{'lua.conf'} =~ s{/srv/}{\@DOCROOT@/}r : '';
}

my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my %run = ('path.conf' => 1, 'lua.conf' => 1);
my $sse = subscribe($httpd, '/events');
is $sse->next_event(5)->{event}, 'stream-open', 'a stream';

# The program with the server of the test.
sub text_of_snippet
{
    my ($name) = @_;
    my $text = $docs->{$name} or die "docs/publishing.md has no $name";
    my $port = $httpd->port;
    $run{$name} = 1;
    $text =~ s{http://localhost/}{http://127.0.0.1:$port/}g;
    $text =~ s{'localhost', 80}{'127.0.0.1', $port};
    return $text;
}

sub skip_without
{
    my ($name, @commands) = @_;
    my @missing = grep { !has_command($_) } @commands;
    return 0 if !@missing;
    $run{$name} = 1;
    diag "docs/publishing.md, $name: not run, there is no @missing here";
    SKIP: { skip "$name needs @missing", 1 }
    return 1;
}

sub arrive
{
    my ($name, @events) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    for my $expected (@events) {
        my $event = $sse->next_event(10) || {};
        is_deeply [@$event{qw(event data)}], $expected,
            "$name: $expected->[0] arrives";
    }
    return;
}

sub command_of
{
    my ($name) = @_;
    my %interpreters = (sh => 'sh', php => 'php', py => 'python3',
        mjs => 'node', rb => 'ruby', pl => 'perl');
    my ($ending) = $name =~ /\.(\w+)$/;
    return $interpreters{$ending};
}

sub run_program
{
    my ($name, $more, @events) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $command = command_of($name);
    return if skip_without($name, $command, @$more);
    write_file("$dir/$name", text_of_snippet($name));
    my $output = `cd '$dir' && $command '$name' 2>&1`;
    is $?, 0, "$name runs" or diag $output;
    arrive($name, @events);
    return $output;
}

# ---- Programs --------------------------------------------------------------

my $order = ['order', '{"table":4}'];
like run_program('curl.sh', ['curl'], $order),
    qr/^{"published": 1, "id": "$id", "clients": 1}$/, 'curl.sh: the answer';
run_program("publish.$_", [], $order) for qw(php py mjs rb pl);
run_program('batch.sh', ['curl'], $order, ['message', "two\nlines"]);
run_program('path.sh', ['curl'], ['message', "soup\n"]);
run_program('form.sh', ['curl'], ['note', 'salt & pepper']);
SKIP: {
    last SKIP if skip_without('text.sh', 'curl');
    run_program('text.sh', ['curl']);
    my $event = $sse->next_event(5);
    is $event->{event}, 'clock', 'text.sh: arrives';
    like $event->{data}, qr/\d\d:\d\d.*\n\z/, '... as it is';
}

run_program('once.sh', ['curl'], ['message', '{"table":4}']);
run_program('once.sh', ['curl']);
is $sse->next_event(0.2), undef, 'once.sh: the second time nothing is sent';

my @three = map { ['order', "{\"table\":$_}"] } 1 .. 3;
for my $name ('lines.py', 'lines.mjs') {
    my $output = run_program($name, [], @three);
    like $output, qr/^200 \{"published": 3, /, "$name: the answer"
        if defined $output;
}

# ---- GRIP ------------------------------------------------------------------

is run_program('grip.sh', ['curl'], $order), "Published\n",
    'grip.sh: the answer';
{
    my $modules = $httpd->builddir . '/node_modules';
    my $is_there = -d "$modules/\@fanoutio/grip";
    $run{'grip.mjs'} = 1;
    symlink $modules, "$dir/node_modules" if $is_there;
    diag 'docs/publishing.md, grip.mjs: not run, there is no @fanoutio/grip'
        if !$is_there;
    SKIP: {
        skip 'needs @fanoutio/grip', 1 if !$is_there;
        run_program('grip.mjs', [], $order);
    }
}

# Each program checks the answer, and fails with the sentence of a refusal.
for my $name (qw(publish.php publish.py publish.mjs publish.rb publish.pl)) {
    my $command = command_of($name);
    next if !has_command($command);
    my $text = text_of_snippet($name);
    $text =~ s/'room-kitchen'/"a\\tb"/;
    write_file("$dir/bad-$name", $text);
    my $output = `cd '$dir' && $command 'bad-$name' 2>&1`;
    isnt $?, 0, "$name: fails when it is refused";
    like $output, qr/control character/, '... and prints the reason';
}

# ---- A web form ------------------------------------------------------------

my %fields = text_of_snippet('form.html') =~ /name="(\w+)" value="([^"]*)"/g;
my $answer = request(
    $httpd, 'POST', '/publish',
    body => join('&', map { "$_=$fields{$_}" } sort keys %fields),
    headers => ['Content-Type: application/x-www-form-urlencoded']);
is $answer->{status}, 200, 'form.html: its fields are taken';
arrive('form.html', ['note', 'hello']);

# ---- A log -----------------------------------------------------------------

# Runs $then while the pipe runs in a process group of its own, then ends the
# whole group.
sub with_pipe
{
    my ($name, $then) = @_;
    write_file("$dir/app.log", "before\n");
    write_file("$dir/$name", text_of_snippet($name));
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        setpgrp;
        chdir $dir;
        open STDOUT, '>', "$dir/output";
        exec 'sh', $name or POSIX::_exit(127);
    }
    my $ok = eval { $then->($pid); 1 };
    my $error = $@;
    kill TERM => -$pid;
    waitpid $pid, 0;
    die $error if !$ok;
    return;
}

for my $pair (['tail.sh', 'jq'], ['tail-perl.sh', 'perl']) {
    my ($name, $tool) = @$pair;
    next if skip_without($name, 'curl', 'tail', $tool);
    with_pipe($name, sub {
        my $line = 0;
        # tail may not have opened the log yet: write lines until one arrives
        my $event = wait_for(sub {
            open my $log, '>>', "$dir/app.log" or die $!;
            print {$log} "\"line\" ", ++$line, " \xc3\xa9\n";
            close $log;
            return $sse->next_event(0.5);
        }, 20);
        like $event && $event->{data}, qr/^"line" \d+ \xc3\xa9$/,
            "$name: a line of the log arrives";
    });
    1 while $sse->next_event(0.5);
}

# ---- In httpd --------------------------------------------------------------

SKIP: {
    last SKIP if skip_without('publish.cgi', 'curl');
    skip 'needs mod_cgid', 1 if !$has_cgi;
    my $script = $httpd->docroot . '/cgi/publish.cgi';
    write_file($script, text_of_snippet('publish.cgi'));
    chmod 0755, $script;
    like request($httpd, 'POST', '/cgi-bin/publish.cgi', body => "it's on\n")
        ->{body}, qr/"published": 1/, 'publish.cgi answers';
    arrive('publish.cgi', ['message', "it's on\n"]);
}

SKIP: {
    $run{'publish.lua'} = 1;
    last SKIP if skip_without('publish.lua', 'curl');
    skip 'needs mod_lua', 1 if !$has_lua;
    # curl inherits httpd's environment. With the sanitizer's runtime in it curl
    # hangs in setlocale(), without our module too.
    my $text = text_of_snippet('publish.lua');
    $text =~ s{"curl }{"env -u LD_PRELOAD curl };
    write_file($httpd->docroot . '/app/publish.lua', $text);
    is request($httpd, 'POST', '/send', body => "it's '\$on'")->{status}, 200,
        'publish.lua runs';
    arrive('publish.lua', ['message', "it's '\$on'"]);
}

# ---- Channels --------------------------------------------------------------

like run_program('statistics.sh', ['curl']),
    qr/"channel": "room-kitchen", "clients": 1,/, 'statistics.sh: a client';
is run_program('revoke.sh', ['curl']),
    qq({"revoked": "user", "name": "alice", "for": 60}\n),
    'revoke.sh: the streams of a user are ended';
like run_program('close.sh', ['curl']), qr/^{"closed": 1, /,
    'close.sh: one is closed';
ok $sse->is_ended(10), '... and its stream has ended';

is_deeply [grep { !$run{$_} } sort keys %$docs], [],
    'all snippets of the page were run';
done_testing;
