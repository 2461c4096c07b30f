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
use POSIX ();
use Test::More ();
use Time::HiRes qw(sleep time);

my $START_SECONDS = 30;

my %running;    # pid => 1
my $owner = $$;

# A test that is ended by a signal must end its servers, too: END does.
$SIG{TERM} = $SIG{INT} = $SIG{HUP} = sub { exit 130 };

END {
    if ($$ == $owner) {
        local $?;
        CORE::kill 'KILL', keys %running if %running;
    }
}

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
    my $pid = spawn({command => \@command, log => $output->filename});
    waitpid $pid, 0;
    my $status = $?;
    delete $running{$pid};
    seek $output, 0, 0;
    local $/;
    my $text = <$output>;
    die "@command: status $status\n$text" if $status != 0;
    return $text;
}

sub spawn
{
    my ($self) = @_;
    my ($name, @arguments) = @{$self->{command}};
    my $program = __PACKAGE__->program($name) or die "not installed: $name\n";
    my $pid = fork // die "fork: $!";
    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP PIPE);
        $ENV{$_} = $self->{env}{$_} for keys %{$self->{env} || {}};
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $self->{log};
        open STDERR, '>&', \*STDOUT;
        exec('setpriv', '--pdeathsig', 'KILL', '--', $program, @arguments)
            or POSIX::_exit(127);
    }
    $running{$pid} = 1;
    return $pid;
}

sub start
{
    my ($class, %self) = @_;
    my $self = bless {%self}, $class;
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
    $self->{pid} = spawn($self);
    while (!answers($self->{port})) {
        my $has_ended = waitpid($self->{pid}, POSIX::WNOHANG()) != 0;
        delete $running{$self->{pid}} if $has_ended;
        die "$self->{command}[0] did not start:\n" . $self->output
            if $has_ended || time >= $until;
        sleep 0.02;
    }
    return;
}

sub end_with
{
    my ($self, $signal) = @_;
    my $pid = delete $self->{pid} or return;
    CORE::kill $signal, $pid;
    waitpid $pid, 0;
    delete $running{$pid};
    return;
}

sub stop { return end_with($_[0], 'TERM') }
sub kill { return end_with($_[0], 'KILL') }
sub suspend { return CORE::kill('STOP', $_[0]{pid}) }
sub resume { return CORE::kill('CONT', $_[0]{pid}) }
sub port { return $_[0]{port} }
sub pid { return $_[0]{pid} }

sub output
{
    my ($self) = @_;
    open my $in, '<', $self->{log} or return '';
    local $/;
    return <$in> // '';
}

1;
