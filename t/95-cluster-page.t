#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# "In five minutes" of docs/cluster.md, as it stands there: the configuration is
# loaded, each command is run, and what it prints and what the streams show is
# compared with the page. Folder, ports and modules are those of the test, ids
# those of this run.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);

use File::Temp ();
use POSIX ();

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Ports;
use EventStream::Redis;
use EventStream::Snippets;

EventStream::Redis->or_skip;
plan skip_all => 'needs curl' if !has_command('curl');
plan skip_all => 'not installed: redis-check-rdb, redis-cli'
    if !has_command('redis-check-rdb') || !has_command('redis-cli');

my $PAGE = 'docs/cluster.md';
my $docs = snippets($PAGE);
my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
my %port;
@port{6390, 8081, 8082} = free_ports(3);
my $id = qr/\d{13}-\d+/;
my (%of_page, %of_run);    # ids of each, to their number
my ($listener, %used);

# ---- What differs from the page ----------------------------------------------

sub build { return EventStream::Httpd->build($_[0]) }

sub here
{
    my ($text) = @_;
    my %number_of_run = reverse %of_run;
    $text =~ s/^apt-get .*\n//m;
    $text =~ s{/tmp/cluster}{$dir}g;
    $text =~ s/(?<!\d)(6390|8081|8082)(?!\d)/$port{$1}/g;
    $text =~ s/\bapache2 -f/build('httpd') . ' -f'/ge;
    $text =~ s{/usr/lib/apache2/modules/mod_eventstream\.so}
        {EventStream::Httpd->builddir . '/.libs/mod_eventstream.so'}ge;
    $text =~ s{/usr/lib/apache2/modules}{build('moduledir')}ge;
    $text =~ s/($id)/$number_of_run{$of_page{$1} || 0} || $1/ge;
    return $text;
}

# With the numbers of ids in place of them, in the order of their appearance.
sub numbered
{
    my ($text, $ids) = @_;
    $text =~ s/($id)/'id ' . ($ids->{$1} ||= 1 + keys %$ids)/ge;
    return $text;
}

# ---- Commands ----------------------------------------------------------------

sub run
{
    my ($name) = @_;
    write_file("$dir/command.sh", here($docs->{$name}));
    return scalar `sh '$dir/command.sh' 2>&1`;
}

sub start_listener
{
    my ($name) = @_;
    my $file = "$dir/stream";
    stop_listener();
    unlink $file;
    write_file("$dir/listen.sh", here($docs->{$name}));
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        setpgrp;
        open STDOUT, '>', $file;
        exec 'setpriv', '--pdeathsig', 'KILL', '--', 'sh', "$dir/listen.sh"
            or POSIX::_exit(127);
    }
    $listener = {pid => $pid, file => $file, from => 0};
    return;
}

sub stop_listener
{
    my $run = $listener or return;
    kill 'TERM', -$run->{pid};
    waitpid $run->{pid}, 0;
    undef $listener;
    return;
}

sub stream
{
    return EventStream::Httpd::slurp($listener->{file}) if -f $listener->{file};
    return '';
}

sub same
{
    my ($name, $got) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $page = numbered($docs->{$name}, \%of_page);
    return is numbered($got, \%of_run), $page, "$name is as on the page";
}

END {
    my $status = $?;
    stop_listener();
    for my $port (grep { -f "$dir/node$_.pid" } @port{8081, 8082}) {
        kill 'TERM', EventStream::Httpd::slurp("$dir/node$port.pid");
    }
    system "redis-cli -p $port{6390} shutdown nosave > /dev/null 2>&1"
        if $port{6390};
    $? = $status;    ## no critic (RequireLocalizedPunctuationVars)
}

# ---- The page ----------------------------------------------------------------

my $conf = here($docs->{'node.conf'});
# where it is a part of httpd itself
$conf =~ s/^LoadModule \S+ (\S+)\n/-f $1 ? $& : ''/gme;
write_file("$dir/node.conf", "${conf}EventStreamKeepAlive 0\n");

sub is_counted
{
    return (eval { get($port{8081}, '/publish?channel=room-kitchen')->{body} }
        || '') =~ /"clients": 1\b/;
}

my %before = ('publish.sh' => sub {
    wait_for(\&is_counted, 15, 'a node knows of the client of the other one');
}, 'down.sh' => sub { wait_for(sub { stream() =~ /missed/ }, 15) });

for my $name (snippet_names($PAGE)) {
    next if $used{$name}++ || $name eq 'node.conf';
    if ($name =~ /\.stream$/) {
        my $lines = () = $docs->{$name} =~ /\n/g;
        my $got = '';
        wait_for(sub {
            $got = substr stream(), $listener->{from};
            return ($got =~ tr/\n//) >= $lines;
        }, 30);
        same($name, $got);
        $listener->{from} += length $got;
    } elsif ($name =~ /^listen/) {
        start_listener($name);
        wait_for(sub { stream() =~ /stream-open/ }, 15, "$name: it listens");
    } elsif ($name =~ /^(.*)\.sh$/) {
        my $out = "$1.out";
        $before{$name}->() if $before{$name};
        my $got = run($name);
        $got .= "\n" if $got ne '' && $got !~ /\n\z/;
        if ($docs->{$out}) {
            $used{$out} = 1;
            same($out, $got);
        } else {
            is $got, '', "$name prints nothing";
        }
    }
}
my $once = EventStream::Httpd::slurp("$dir/once");
like $once, qr/"published": 1\b/, 'what the broker has on disk is known';
is_deeply [grep { !$used{$_} } sort keys %$docs], [],
    'all snippets of the page were used';
stop_listener();
for my $port (@port{8081, 8082}) {
    unlike EventStream::Httpd::slurp("$dir/node$port.log"),
        qr/\[[^\]]*:(?:error|crit|alert|emerg)\]|signal/,
        'the error log has no error';
}
done_testing;
