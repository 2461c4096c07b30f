#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# README's ten lines and docs/tour.md, as they stand there: the configuration is
# loaded, each command is run, and what it prints and what the stream shows is
# compared with the page.
#
# NAME.sh is a command and NAME.out what it prints; NAME.stream is what the
# stream of listen.sh shows then. Two things differ from run to run: an id of
# the page stands for the id that this run first had in its place, and a retry:
# that is not EventStreamRetry may be any up to a fifth longer.

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

plan skip_all => 'needs curl' if !has_command('curl');

my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $id = qr/\d{13}-\d+/;
my $keepalive_off = "EventStreamKeepAlive 0\n";
my $httpd;
my %seen;    # id of the page => id of this run

sub command
{
    my ($text) = @_;
    my $port = $httpd->port;
    $text =~ s{http://localhost(:8080)?/}{http://127.0.0.1:$port/}g;
    $text =~ s/($id)/exists $seen{$1} ? $seen{$1} : $1/ge;
    return $text;
}

# A pattern for the text, and the ids of the page that its groups stand for.
sub pattern_of
{
    my ($text) = @_;
    my (@new, %group);
    my $pattern = join '', map {
        /^retry: 3(?!000)/ ? 'retry: 3\d{3}'
            : !/^$id$/ ? quotemeta
            : $seen{$_} ? quotemeta $seen{$_}
            : $group{$_} ? "\\g{$group{$_}}"
            : do { push @new, $_; $group{$_} = @new; "($id)" }
    } split /($id|retry: 3\d{3})/, $text;
    return (qr/\A$pattern\z/, @new);
}

# learn($got, $text): whether it is the page's text; learns its ids
sub learn
{
    my ($got, $text) = @_;
    my ($pattern, @new) = pattern_of($text);
    my @ids = $got =~ $pattern or return 0;
    @seen{@new} = @ids if @new;
    return 1;
}

sub same
{
    my ($name, $got, $text) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return ok(learn($got, $text), $name)
        || diag "the page has:\n${text}this run:\n$got";
}

# ---- Commands that do not end ----------------------------------------------

sub start
{
    my ($name, $text) = @_;
    my $file = "$dir/$name.stream";
    write_file("$dir/$name", command($text));
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        setpgrp;
        open STDOUT, '>', $file;
        exec 'sh', "$dir/$name" or POSIX::_exit(127);
    }
    return {pid => $pid, file => $file, from => 0};
}

sub stop
{
    my ($run) = @_;
    kill TERM => -$run->{pid};
    waitpid $run->{pid}, 0;
    return;
}

# What it has printed since the last look, when that is the text, or in the end.
sub news
{
    my ($run, $text) = @_;
    my $got = '';
    my ($pattern) = pattern_of($text);
    wait_for(sub {
        open my $in, '<', $run->{file} or return 0;
        seek $in, $run->{from}, 0;
        local $/;
        $got = <$in>;
        $got = '' if !defined $got;
        return $got =~ $pattern;
    }, 10);
    $run->{from} += length $got;
    return $got;
}

# ---- README ----------------------------------------------------------------

my ($conf, $page, $publish) =
    section('README', 'TEN LINES TO A WORKING ENDPOINT');
ok $conf =~ s/^LoadModule eventstream_module .*\n//, 'README loads the module';
cmp_ok scalar(grep { /\S/ && !/^#/ } split /\n/, $conf), '<=', 9,
    '... in ten lines';
$httpd = EventStream::Httpd->start(conf => $conf);
my ($path) = $page =~ /new EventSource\("(.*?)"\)/;
my $sse = subscribe($httpd, $path);
is $sse->next_event(5)->{event}, 'stream-open', '... it serves a stream';
write_file("$dir/readme.sh", command($publish));
like `sh '$dir/readme.sh' 2>/dev/null`, qr/"published": 1.*"clients": 1}/,
    '... and publishes';
is $sse->next_event(5)->{data}, 'hello', '... the event arrives';
undef $httpd;

# ---- The tour --------------------------------------------------------------

my $docs = snippets('docs/tour.md');
my %used = ('tour.conf' => 1);
$httpd = EventStream::Httpd->start(
    conf => $keepalive_off . $docs->{'tour.conf'});

sub clients
{
    my $body = get($httpd, '/publish?channel=room-kitchen')->{body};
    return $body =~ /"clients": (\d+)/ ? $1 : 0;
}

my $listener = start('listen.sh', $docs->{'listen.sh'});
$used{'listen.sh'} = 1;
for my $name (snippet_names('docs/tour.md')) {
    my $text = $docs->{$name};
    next if $used{$name}++;
    if ($name =~ /\.stream$/) {
        same("$name: the stream shows it", news($listener, $text), $text);
    } elsif ($name eq 'resume.sh') {
        my $client = start($name, $text);
        my $expected = $docs->{'resume.out'};
        same("$name: the client resumes", news($client, $expected), $expected);
        stop($client);
        wait_for(sub { clients() == 1 }, 10, '... and is stopped');
        $used{'resume.out'} = 1;
    } elsif ($name =~ s/\.sh$//) {
        write_file("$dir/command.sh", command($text));
        my $out = "$name.out";
        my $got = `sh '$dir/command.sh' 2>&1`;
        $got .= "\n" if $got ne '' && $got !~ /\n\z/;
        $used{$out} = 1;
        same("$name.sh prints $out", $got, $docs->{$out});
    }
}
is waitpid($listener->{pid}, 0), $listener->{pid}, 'listen.sh has ended';
is $?, 0, '... cleanly';
is_deeply [grep { !$used{$_} } sort keys %$docs], [],
    'all snippets of the page were used';
is $httpd->stop, 0, 'httpd stops cleanly';
done_testing;
