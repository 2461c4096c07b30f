# SPDX-License-Identifier: Apache-2.0
package EventStream::Daemon;

=head1 NAME

EventStream::Daemon - a server of others that a test starts for itself

=head1 SYNOPSIS

    use EventStream::Daemon;

    EventStream::Daemon->or_skip('slapd', 'slapadd');
    my $port = free_port();         # of EventStream::Ports
    my $slapd = EventStream::Daemon->start(
        command => ['slapd', '-d', 0, '-h', "ldap://127.0.0.1:$port/"],
        port => $port);
    $slapd->stop;

=head1 CLASS METHODS

=over

=item or_skip(@programs)

Skips the test if one of them is not installed. Dies if CI=true.

=item program($name)

The path of a program, also of one in /usr/sbin; undef if it is not installed.

=item run(@command)

Runs a program to its end, which has to be a good one. Dies with its output.

=item start(%options)

Starts a program that stays in the foreground, and returns when it accepts
connections at this port of 127.0.0.1; another program has none if port is left
out. It ends with the test, whatever happens. Options: command, port, env =>
{NAME => 'value'}, log => a file for its output.

=back

=head1 METHODS

=over

=item stop, kill, suspend, resume

SIGTERM and SIGKILL, until it has ended; SIGSTOP; SIGCONT.

=item restart

The same program at the same port, after stop or kill.

=item port, pid, output

=back

=cut

use strict;
use warnings;

use File::Temp ();
use IO::Socket::INET;
use Test::More ();
use Time::HiRes qw(sleep time);

use EventStream::Process qw(spawn);

our @ISA = ('EventStream::Process');

my $START_SECONDS = 30;

sub program
{
    my ($class, $name) = @_;
    for my $dir (split(/:/, $ENV{PATH}), qw(/usr/local/sbin /usr/sbin /sbin)) {
        return "$dir/$name" if -x "$dir/$name" && !-d _;
    }
    return;
}

sub or_skip
{
    my ($class, @programs) = @_;
    my @missing = grep { !$class->program($_) } @programs;
    return if !@missing;
    die "CI must run this test; not installed: @missing\n"
        if ($ENV{CI} || '') eq 'true';
    Test::More::plan(skip_all => "not installed: @missing");
    return;
}

sub run
{
    my ($class, @command) = @_;
    my $output = File::Temp->new;
    my $pid = $class->spawn_program(
        command => \@command, log => $output->filename);
    waitpid $pid, 0;
    my $status = $?;
    seek $output, 0, 0;
    local $/;
    my $text = <$output>;
    die "@command: status $status\n$text" if $status != 0;
    return $text;
}

sub spawn_program
{
    my ($class, %opt) = @_;
    my ($name, @arguments) = @{$opt{command}};
    my $program = $class->program($name) or die "not installed: $name\n";
    return spawn(%opt, command => [$program, @arguments]);
}

sub start
{
    my ($class, %self) = @_;
    my $self = bless {%self}, $class;
    $self->owned;
    if (!$self->{log}) {
        $self->{log_file} = File::Temp->new;
        $self->{log} = $self->{log_file}->filename;
    }
    $self->restart;
    return $self;
}

sub answers
{
    my ($port) = @_;
    return !$port || IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 2);
}

sub restart
{
    my ($self) = @_;
    my $until = time + $START_SECONDS;
    $self->{pid} = $self->spawn_program(
        map { $_ => $self->{$_} } qw(command log env));
    while (!answers($self->{port})) {
        die "$self->{command}[0] did not start:\n" . $self->output
            if !$self->is_alive || time >= $until;
        sleep 0.02;
    }
    return;
}

sub port { return $_[0]{port} }

sub output
{
    my ($self) = @_;
    open my $in, '<', $self->{log} or return '';
    local $/;
    return <$in> // '';
}

1;
