#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# eventstream-tail against a server that answers by a script: any framing of a
# stream, cut streams, what it asks for when it connects again, refusals that
# pass, events without end.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use File::Temp ();
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep time);

use EventStream::Httpd;
use EventStream::Snippets;

my $program = EventStream::Httpd->builddir . '/tools/eventstream-tail';
my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my @servers;

# Answers one connection after another; a request's head goes to a file.
sub serve
{
    my (@answers) = @_;
    my $listener = IO::Socket::INET->new(Listen => 5,
        LocalAddr => '127.0.0.1') or die "no free port: $!";
    my $server = {port => $listener->sockport,
        heads => "$dir/heads" . @servers};
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        for my $answer (@answers) {
            my $sock = $listener->accept or last;
            $sock->autoflush(1);
            my $head = '';
            while (defined(my $line = <$sock>)) {
                $head .= $line;
                last if $line =~ /^\r?\n\z/;
            }
            open my $to, '>>', $server->{heads} or POSIX::_exit(1);
            print {$to} $head;
            close $to;
            ref $answer ? $answer->($sock) : print {$sock} $answer;
            close $sock;
        }
        POSIX::_exit(0);
    }
    $server->{pid} = $pid;
    push @servers, $server;
    return $server;
}

END {
    my $status = $?;
    kill 'KILL', map { $_->{pid} } @servers;
    $? = $status;    ## no critic (RequireLocalizedPunctuationVars)
}

sub heads { return EventStream::Httpd::slurp($_[0]{heads}) }

my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    . "Connection: close\r\n\r\n";

sub run
{
    my ($server, @args) = @_;
    my $err = "$dir/err";
    unlink $err;
    my $pid = open my $out, '-|';
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        open STDERR, '>', $err;
        alarm 60;    # is inherited by the program
        exec $program, @args, "http://127.0.0.1:$server->{port}/" or exit 99;
    }
    local $/;
    my $text = <$out>;
    close $out;
    return {status => $? >> 8, out => defined $text ? $text : '',
        err => EventStream::Httpd::slurp($err)};
}

# ---- Framing -----------------------------------------------------------------

my $text = ": a comment\nretry: 50\n\nid: 7\nevent: x\ndata: a\ndata:  b\n\n"
    . "id\n\ndata\n\nid: 8\nnone: y\n\ndata: \xc3\xa9\n\n";
my $lines = "7\tx\ta\\n b\n\tmessage\t\n8\tmessage\t\xc3\xa9\n";
is run(serve($head . $text), '--once')->{out}, $lines,
    'fields, comments, ids without data, empty data';
(my $crlf = $text) =~ s/\n/\r\n/g;
is run(serve($head . $crlf), '--once')->{out}, $lines, 'with CR LF';
is run(serve(sub {
    my ($sock) = @_;
    syswrite $sock, $_ for split //, $head . $crlf;
}), '--once')->{out}, $lines, 'byte by byte';
is run(serve($head . "data: a\n\ndata: half"), '--once')->{out},
    "\tmessage\ta\n", 'an event that was cut is none';
is run(serve($head . "data: \0\xff\xfe\e]0;x\x07\n\n"), '--once')->{out},
    "\tmessage\t\\x00\xff\xfe\\x1b]0;x\\x07\n",
    'control characters are escaped';
like run(serve($head . "data: \xff\n\n"), '--once', '--json')->{out},
    qr/\A\{"event":"message","id":"","data":"\xc3\xbf"\}\n\z/,
    'JSON is UTF-8 whatever comes';

# ---- Connecting again --------------------------------------------------------

my $server = serve("${head}retry: 10\nid: 1\ndata: a\n\n",
    "${head}id: 2\ndata: b\n\ndata: half", "${head}data: c\n\n");
is run($server, '-d', '-n', 3)->{out}, "a\nb\nc\n",
    'streams that end are continued';
is_deeply [heads($server) =~ /^Last-Event-ID: (.*)\r$/mg], [1, 2],
    'with the id of the last event that has arrived as a whole';
like heads($server), qr{^Accept: text/event-stream\r$}m,
    'it asks for an event stream';
$server = serve("${head}retry: 10\nid: 1\ndata: a\n\nid:\ndata: b\n\n",
    "${head}data: c\n\n");
is run($server, '-d', '-n', 3)->{out}, "a\nb\nc\n", 'an id that is empty';
unlike heads($server), qr/Last-Event-ID/, 'is not sent';

my $busy = "HTTP/1.1 503 Busy\r\nContent-Length: 5\r\nRetry-After: 1\r\n"
    . "Connection: close\r\n\r\nbusy\n";
my $began = time;
$server = serve("${head}retry: 10\ndata: a\n\n", $busy, '',
    "${head}data: b\n\n");
my $run = run($server, '-d', '-v', '-n', 2);
is $run->{out}, "a\nb\n", 'a refusal that passes, and no answer at all';
cmp_ok time - $began, '>=', 1, 'Retry-After is waited for';
like $run->{err}, qr/: busy\n/, '--verbose tells the sentence';
for my $odd ('9' x 30, '-1', '4294967297', 'Wed, 21 Oct 2099 07:28:00 GMT',
    '') {
    (my $answer = $busy) =~ s/Retry-After: 1/Retry-After: $odd/;
    is run(serve("${head}retry: 10\ndata: a\n\n", $answer,
        "${head}data: b\n\n"), '-d', '-n', 2)->{out}, "a\nb\n",
        "Retry-After: $odd is not waited for";
}
$run = run(serve("${head}retry: 10\ndata: a\n\n",
    "HTTP/1.1 404 None\r\nConnection: close\r\n\r\n"
    . "<!DOCTYPE html>\n<head><title>Not here</title></head><p>x</p>\n"), '-d');
is_deeply [@$run{qw(status out)}], [1, "a\n"],
    'a refusal that stays ends it with 1';
like $run->{err}, qr/: 404: Not here\n\z/, 'with the title of the page';
$run = run(serve("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
    . "Content-Length: 0\r\nConnection: close\r\n\r\n"));
is $run->{status}, 1, 'no redirect is followed';
like $run->{err}, qr/: 302: /, 'but reported';

# ---- Without end -------------------------------------------------------------

for my $endless (['a line', 'x' x 65536], ['an event', "data: x\n" x 8192]) {
    my ($name, $piece) = @$endless;
    $run = run(serve(sub {
        my ($sock) = @_;
        local $SIG{PIPE} = 'IGNORE';
        syswrite $sock, "${head}data: ";
        1 while defined syswrite $sock, $piece;
    }));
    is $run->{status}, 1, "$name without end ends it with 1";
    like $run->{err}, qr/: an event is too long\n\z/, "$name: it tells why";
}
my $large = 'x' x 900_000;
is length run(serve("${head}data: $large\n\n"), '--once', '-d')->{out},
    900_001, 'a large event is no problem';

# ---- Statistics --------------------------------------------------------------

my $status = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
    . "Connection: close\r\n\r\nEventStream.A: inf\nEventStream.B: nan\n"
    . "EventStream.C: 1e300\nEventStream.D: 7\n";
like run(serve($status), '--status', '--json')->{out},
    qr/\A\{"A":"inf","B":"nan","C":1\.0+1?e\+?300,"D":7\}\n\z/,
    'a value that is no number, or no integer';
$run = run(serve($status), '--check', '-w', 'B=@0:9');
is $run->{status}, 3, 'no range holds one that is no number';
like $run->{out}, qr/there is no number B/, 'which is told';
done_testing;
