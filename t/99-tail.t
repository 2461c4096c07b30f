#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# eventstream-tail as a script uses it: what it prints of streams, that it
# misses nothing over restarts, what it publishes and lists, and its exit
# status.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Digest::SHA ();
use File::Temp ();
use IO::Handle;
use IO::Select;
use IPC::Open3 qw(open3);
use JSON::PP ();
use MIME::Base64 ();
use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Snippets;
use EventStream::Source;

my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
write_file("$dir/key", "k" x 43 . "\n");
chmod 0600, "$dir/key";
write_file("$dir/users", "ann:{SHA}"
    . MIME::Base64::encode_base64(Digest::SHA::sha1('secret')));
my $program = EventStream::Httpd->builddir . '/tools/eventstream-tail';
my @modules = qw(headers auth_basic authn_file authz_user);
my $httpd = EventStream::Httpd->start(
    ssl => 1, modules => \@modules, files => {'page.html' => "<p>\n"},
    conf => <<"CONF");
AddType text/html .html
EventStreamRetry 100ms
EventStreamKeepAlive 1
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?channel}"
</Location>
<Location "/fixed">
    SetHandler eventstream
    EventStreamChannel fixed
</Location>
<Location "/none">
    SetHandler eventstream
    EventStreamChannel a
    Require all denied
</Location>
<LocationMatch "^/(publish|key)\$">
    SetHandler eventstream-publish
    LimitRequestBody 0
</LocationMatch>
<Location "/key">
    EventStreamPublishKey "file:$dir/key"
</Location>
<Location "/rooms">
    SetHandler eventstream-publish
    EventStreamAllowChannel "room-*"
</Location>
<Location "/user">
    SetHandler eventstream
    EventStreamChannel a
    AuthType Basic
    AuthName events
    AuthUserFile "$dir/users"
    Require valid-user
</Location>
<Location "/busy">
    Redirect 503
</Location>
CONF

# ---- Running it --------------------------------------------------------------

my @running;

# Starts it; out has its lines as they come.
sub start
{
    my (@args) = @_;
    my $err = "$dir/stderr" . @running;
    open my $to, '>', $err or die "$err: $!";
    my $pid = open3(my $in, my $out, '>&' . fileno $to, $program, @args);
    my $run = {pid => $pid, in => $in, out => $out, err => $err, text => ''};
    push @running, $run;
    return $run;
}

sub line
{
    my ($run, $seconds) = @_;
    my $until = time + ($seconds || 10);
    while ($run->{text} !~ /\n/) {
        my $left = $until - time;
        return if $left <= 0 || !IO::Select->new($run->{out})->can_read($left);
        sysread($run->{out}, $run->{text}, 65536, length $run->{text})
            or return;
    }
    $run->{text} =~ s/\A(.*)\n//;
    return $1;
}

sub finish
{
    my ($run) = @_;
    close $run->{in};
    local $SIG{ALRM} = sub { kill 'KILL', $run->{pid} };
    alarm 30;
    local $/;
    my $out = $run->{text} . (readline($run->{out}) || '');
    waitpid $run->{pid}, 0;
    alarm 0;
    $run->{pid} = 0;
    return {status => $? >> 8, signal => $? & 127, out => $out,
        err => EventStream::Httpd::slurp($run->{err})};
}

sub run
{
    my (@args) = @_;
    return finish(start(@args));
}

sub stop
{
    my ($run) = @_;
    kill 'TERM', $run->{pid};
    return finish($run);
}

END {
    my $status = $?;
    kill 'KILL', $_->{pid} for grep { $_->{pid} } @running;
    $? = $status;    ## no critic (RequireLocalizedPunctuationVars)
}

# Starts it, and waits until the server has it as a client of these channels.
# Those that have ended may be counted for a moment still.
sub start_on
{
    my ($channels, @args) = @_;
    wait_for(sub { !grep { clients($_) } @$channels }, 30);
    my $run = start(@args);
    wait_for(sub { !grep { !clients($_) } @$channels }, 30);
    return $run;
}

sub follow
{
    my ($channel, @args) = @_;
    return start_on([$channel], @args, '-c', $channel, $httpd->url('/events'));
}

sub clients
{
    my ($channel) = @_;
    my $body = get($httpd, "/publish?channel=$channel")->{body};
    return JSON::PP::decode_json($body)->{channels}[0]{clients};
}

my $id = qr/\d{13}-\d+/;

# ---- What it prints ----------------------------------------------------------

my $run = follow('a');
publish($httpd, 'a', 'hello');
like line($run), qr/\A$id\tmessage\thello\z/, 'an event is a line of fields';
publish($httpd, 'a', "two\nlines\tand \\ \e[31m\x07", event => 'odd');
like line($run), qr/\A$id\todd\ttwo\\nlines\\tand \\\\ \\x1b\[31m\\x07\z/,
    'what would act on a terminal is escaped';
publish($httpd, 'a', '');
like line($run), qr/\A$id\tmessage\t\z/, 'an event may be empty';
my $big = 'x' x 65536;
publish($httpd, 'a', $big);
is length line($run) =~ s/^$id\tmessage\t//r, 65536, 'or large';
my $end = stop($run);
is $end->{err}, '', 'there is nothing else';
is $end->{signal}, 15, 'SIGTERM ends it';

$run = follow('a', '--data', '-n', 2);
publish($httpd, 'a', "two\nlines \e[31m");
publish($httpd, 'a', 'last');
$end = finish($run);
is $end->{out}, "two\nlines \e[31m\nlast\n",
    '--data prints the data as it is to a program';
is $end->{status}, 0, '-n ends it with 0';

$run = follow('a', '--json', '--time', '-n1');
publish($httpd, 'a', "\x{c3}\x{a9}\"", event => 'x');
my $json = JSON::PP::decode_json(finish($run)->{out});
like delete $json->{time},
    qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}\z/,
    '--time adds the time';
like delete $json->{id}, qr/\A$id\z/, '--json has the id';
is_deeply $json, {event => 'x', data => "\x{e9}\""}, 'and type and data';

$run = follow('a', '--all', '-n', 2);
$end = finish($run);
like $end->{out}, qr/\A$id\tstream-open\t\n$id\tkeep-alive\t\n\z/,
    '--all prints control events, too';

my @urls = map { $httpd->url("/events?channel=$_") } 'a', 'b';
$run = start_on(['a', 'b'], '-n', 2, @urls);
publish($httpd, 'a', 1);
publish($httpd, 'b', 2);
is_deeply [sort map { (split /\t/)[0, 3] } split /\n/, finish($run)->{out}],
    [sort 1, 2, @urls], 'several streams: each line has its URL';
$run = start_on(['a', 'b%26%3D1'], '-n', 2, '-c', 'a', '-c', 'b&=1',
    $httpd->url('/events'));
publish($httpd, 'a', 1);
publish($httpd, 'b%26%3D1', 2, path => '/publish?channel=b%26%3D1&x');
publish($httpd, 'a', 3);
$end = finish($run);
like $end->{out}, qr/\t1\n.*\t[23]\n\z/, '--channel may be given twice';

# ---- It misses nothing -------------------------------------------------------

my $first = publish($httpd, 'r', 'one')->{json}{id};
publish($httpd, 'r', 'two');
$end = run('-d', '-n1', '-c', 'r', '-i', $first, $httpd->url('/events'));
is $end->{out}, "two\n", '--last-event-id continues after it';
$end = run('-d', '-n2', '-c', 'r', '-i', 'earliest', $httpd->url('/events'));
is $end->{out}, "one\ntwo\n", 'earliest: all that is retained';

$run = follow('r', '-d', '-v');
my $sent = 0;
my $goes_on = 1;
for my $way ('restart', 'graceful', 'kill') {
    publish($httpd, 'r', ++$sent);
    # Each child that was there at first: new ones may have smaller numbers.
    my @now = $httpd->children;
    for my $child ($way eq 'kill' ? @now : (0, 0)) {
        $child ? $httpd->kill_child($child) : $httpd->$way;
    }
    publish($httpd, 'r', ++$sent);
}
my @got = map { line($run, 20) } 1 .. $sent;
is_deeply \@got, [1 .. $sent],
    'restart, graceful and killed children: each event comes once, in order';
$end = stop($run);
like $end->{err}, qr/the stream has ended/, '--verbose tells of the ends';

$run = follow('r', '-d', '--once');
$httpd->kill_child($_) for $httpd->children;
$end = finish($run);
is_deeply [@$end{qw(status out)}], [0, ''], '--once ends with the stream';

# The server is away for a while, and is waited for.
$run = follow('r', '-d', '-n1');
my $conf = $httpd->root . '/httpd.conf';
$httpd->stop;
sleep 0.5;
system(EventStream::Httpd->build('httpd'), '-f', $conf) == 0
    or die "httpd does not start\n";
my $parent;
wait_for(sub {
    $parent = EventStream::Httpd::slurp($httpd->root . '/run/httpd.pid');
    return $parent && eval { get($httpd, '/publish')->{status} };
}, 10);
wait_for(sub { clients('r') }, 20, 'it comes back to a server that was away');
publish($httpd, 'r', 'again');
$end = finish($run);
is $end->{out}, "again\n", 'and goes on';
like $end->{err}, qr/stream-reset/,
    'it tells that events may have been missed';
kill 'TERM', $parent;
wait_for(sub { !kill 0, $parent }, 15);
$httpd = EventStream::Httpd->start(ssl => 1, modules => \@modules,
    conf => $httpd->{conf}, files => $httpd->{files});

# ---- Ends --------------------------------------------------------------------

my $began = time;
$end = run('-T', 1, '-n1', '-c', 'quiet', $httpd->url('/events'));
is $end->{status}, 3, '--timeout without the event: 3';
cmp_ok time - $began, '>=', 0.9, 'after the time';
is run('-T', 1, '-c', 'quiet', $httpd->url('/events'))->{status}, 0,
    '--timeout without --count: 0';

$run = follow('gone');
request($httpd, 'DELETE', '/publish?channel=gone');
$end = finish($run);
is $end->{status}, 0, 'a channel that is closed ends it with 0';
like $end->{err}, qr/\Aeventstream-tail: \S+: the channel is closed\n\z/,
    'and a word';

sub fails
{
    my ($name, $status, $words, @args) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $end = run(@args);
    is $end->{status}, $status, "$name: the exit status is $status";
    is $end->{out}, '', "$name: nothing is printed";
    return like $end->{err}, $words, "$name: it tells why";
}

fails('no channel', 1, qr/: 400: No specified channels\.\n\z/,
    $httpd->url('/events'));
fails('Require', 1, qr{/none: 403: }, $httpd->url('/none'));
fails('a page', 1, qr{this is no event stream, but text/html},
    $httpd->url('/page.html'));
fails('nobody there', 1, qr/127\.0\.0\.1/, 'http://127.0.0.1:1/');
fails('another scheme', 1, qr/rotocol/, 'file:///etc/passwd');
fails('no URL', 2, qr/there is no URL\nusage: /);
fails('an unknown option', 2, qr/unrecognized option.*usage: /s, '--frob');
fails('nobody to revoke', 2, qr/--revoke needs --user or --jti/, '--revoke',
    $httpd->url('/publish'));
fails('two to revoke', 2, qr/--revoke needs --user or --jti/, '--revoke',
    '--user=a', '--jti=b', $httpd->url('/publish'));
fails('two modes', 2, qr/--list does not go with the mode before/,
    '--publish', '--list', $httpd->url('/publish'));
fails('a bad number', 2, qr/--count=x does not go/, '-n', 'x', 'http://x/');

$run = start('--wait', '-v', '-n1', '-d', $httpd->url('/busy'));
wait_for(sub { EventStream::Httpd::slurp($run->{err}) =~ m{/busy: } }, 10,
    'with --wait a 503 is waited for');
$end = stop($run);
is $end->{signal}, 15, 'until it is stopped';
fails('without --wait', 1, qr{/busy: 503: }, $httpd->url('/busy'));

wait_for(sub { !clients('a') }, 30);
open my $full, '>', '/dev/full' or die "/dev/full: $!";
my $pid = fork // die "fork: $!";
if ($pid == 0) {
    open STDOUT, '>&', $full;
    open STDERR, '>', "$dir/err";
    exec $program, '-c', 'a', $httpd->url('/events') or exit 99;
}
wait_for(sub { clients('a') }, 10);
publish($httpd, 'a', 'x');
waitpid $pid, 0;
is $? >> 8, 1, 'an output that is full ends it with 1';
like EventStream::Httpd::slurp("$dir/err"), qr/cannot write the output/,
    'and a word';

# ---- Publishing --------------------------------------------------------------

my $sse = subscribe($httpd, '/events?channel=p');
is $sse->next_event(5)->{event}, 'stream-open', 'a stream opens';
my $at = $httpd->url('/publish');

sub arrives
{
    my ($data, $name, $type) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $event = $sse->next_event(5) || {};
    $event = $sse->next_event(5) || {}
        while ($event->{event} || '') eq 'keep-alive';
    is $event->{data}, $data, "$name: the event arrives";
    is $event->{event}, $type || 'message', "$name: with its type";
    return $event->{id};
}

$end = run('--publish', '-c', 'p', $at, "a \"b\"\nc \x{c3}\x{a9}");
is $end->{status}, 0, 'an event is published';
my $got_id = arrives("a \"b\"\nc \x{c3}\x{a9}", 'data of the command line');
is $end->{out}, "$got_id\n", 'its id is printed';
$run = start('--publish', '-c', 'p', '-e', 'order', '--json', $at);
print {$run->{in}} "from the\ninput\n";
$end = finish($run);
is JSON::PP::decode_json($end->{out})->{published}, 1,
    '--json prints the answer';
arrives("from the\ninput", 'data of the input', 'order');
my @own = map { run('-p', '-c', 'p', '--id', 'mine', $at, 'x') } 1, 2;
is $own[0]{out}, $own[1]{out}, 'an id of its own: again is the same event';
is arrives('x', 'own id'), 'mine', 'it has its id';

$run = start('--publish', '--lines', '-c', 'p', $at);
$run->{in}->autoflush(1);
for my $n (1 .. 3) {
    print {$run->{in}} "line $n\n";
    arrives("line $n", 'each line is published as it comes');
}
print {$run->{in}} 'end';
$end = finish($run);
is $end->{status}, 0, '--lines: the exit status is 0';
is $end->{out}, arrives('end', 'a last line without line end') . "\n",
    'the last id is printed';

fails('not allowed', 1, qr{: 403: Channel not allowed: p\.},
    '-p', '-c', 'p', $httpd->url('/rooms'), 'x');
fails('not UTF-8', 1, qr/not UTF-8/, '-p', '-c', 'p', $at, "\x{ff}");
fails('no publish Location', 1, qr{: 40\d: }, '-p', $httpd->url('/fixed'), 'x');
fails('without a key', 1, qr/: 401: /, '-p', '-c', 'p', $httpd->url('/key'),
    'x');
is run('-p', '-c', 'p', '--bearer', "$dir/key", $httpd->url('/key'), 'x')
    ->{status}, 0, 'with a key in a file';
arrives('x', 'a key');
fails('no file', 1, qr{cannot read /nowhere: No such}, '-p', '-c', 'p',
    '--bearer', '/nowhere', $httpd->url('/key'), 'x');
$run = start('-p', '--lines', '-c', 'p', $httpd->url('/rooms'));
print {$run->{in}} "x\n";
$end = finish($run);
is $end->{status}, 1, '--lines that are refused: 1';
like $end->{err}, qr/403: Line 1: Channel not allowed/, 'with the sentence';

# ---- Revocations -------------------------------------------------------------

$end = run('--revoke', '--user=a b&c', '--for=0', $at);
is $end->{out}, "user\ta b&c\t0\n", '--revoke tells whom and for how long';
is $end->{status}, 0, 'and succeeds';
is run('--revoke', '--user=ann', $at)->{out}, "user\tann\t60\n",
    'without --for as long as the server says';
is run('--revoke', '--jti=t1', '-c', 'x', '-c', 'y', '--for=always', $at)
    ->{out}, "jti\tt1\talways\n", 'a token, for some channels';
$json = JSON::PP::decode_json(run('--revoke', '--jti=t1', '-c', 'x', '-c', 'y',
    '--json', $at)->{out});
is_deeply $json->{channels}, ['x', 'y'], '--json has the answer';
fails('a time that is none', 1, qr/: 400: /, '--revoke', '--user=a',
    '--for=soon', $at);
fails('who may not', 1, qr/: 403: /, '--revoke', '--user=a',
    $httpd->url('/rooms'));
{
    my $stream = subscribe($httpd, '/user', headers => ['Authorization: Basic '
        . MIME::Base64::encode_base64('ann:secret', '')]);
    is run('--revoke', '--user=ann', '--for=0', $at)->{status}, 0,
        'a user is revoked';
    ok $stream->is_ended(20), 'and the stream ends';
}

# ---- Listing -----------------------------------------------------------------

publish($httpd, 'room-1', 'x');
$end = run('--list=room', $at);
like $end->{out}, qr/\Aroom-1\t0\t1\t$id\n\z/, '--list=PREFIX lists channels';
$json = JSON::PP::decode_json(run('--list=room', '--json', $at)->{out});
is_deeply [@$json{qw(channel events)}], ['room-1', 1], 'also as JSON';
my $many = request($httpd, 'POST', '/publish', headers => ['Content-Type: '
    . 'application/x-ndjson'], body => join '',
    map { qq({"channel": "many-$_", "data": $_}\n) } 1 .. 2500);
like $many->{body}, qr/"published": 2500,/, 'there are 2,500 channels more';
my @names = map { (split /\t/)[0] } split /\n/, run('-l', $at)->{out};
is scalar(grep { /^many-/ } @names), 2500, 'all pages of a list are read';
my %seen;
is scalar(grep { $seen{$_}++ } @names), 0, 'no channel stands there twice';
fails('no publish Location', 1, qr/this is no publish Location|40\d/, '-l',
    $httpd->url('/page.html'));

# ---- Over TLS ----------------------------------------------------------------

fails('an unknown certificate', 1, qr/certificate/, '-c', 'a',
    $httpd->ssl_url('/events'));
for my $how (['--cacert', $httpd->cert], ['-k']) {
    $run = start_on(['t'], @$how, '-d', '-n1', '-c', 't',
        $httpd->ssl_url('/events'));
    publish($httpd, 't', 'sealed');
    is finish($run)->{out}, "sealed\n", "over TLS with $how->[0]";
}

# ---- The manual --------------------------------------------------------------

my $help = run('--help');
is $help->{status}, 0, '--help ends with 0';
like run('--version')->{out}, qr/\Aeventstream-tail \d+\.\d+\.\d+\n\z/,
    '--version tells it';
my %in_help = map { ($_ => 1) } $help->{out} =~ /\s--([a-z-]{2,})/g;
(my $man = text_of('docs/eventstream-tail.1'))
    =~ s/\\-/-/g;
my %in_man = map { ($_ => 1) } $man =~ /^\.B[R]? \"?(?:-\w, )?--([a-z-]+)/mg;
is_deeply [sort keys %in_man], [sort keys %in_help],
    'the manual has the options of --help';
SKIP: {
    skip 'needs groff', 1 if !has_command('groff');
    my $page = srcdir() . '/docs/eventstream-tail.1';
    is `groff -man -ww -Tutf8 -z '$page' 2>&1`, '', 'it is without errors';
}

# ---- Installation ------------------------------------------------------------

my $make = $ENV{MAKE} || 'make';
my $build = EventStream::Httpd->builddir;
my $log = `cd '$build' && '$make' -s install-binPROGRAMS install-man1 \\
    DESTDIR='$dir/root' 2>&1`;
is $?, 0, 'make install has it' or diag $log;
my @files = map { s{^\Q$dir\E/root}{}r }
    split /\n/, `find '$dir/root' -type f | sort`;
is scalar(grep { m{/bin/eventstream-tail$} } @files), 1,
    'the program is installed';
is scalar(grep { m{/man1/eventstream-tail\.1$} } @files), 1,
    'and its page of the manual';

done_testing;
